import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type Route, status, stream, text } from './application.ts'
import { gate, turns, until } from './gate.ts'
import type { Property } from './property.ts'

/** Bodies of every kind, and clients that do not wait for them. */
export function responses(property: Property): void {
  property(
    'a streamed response arrives chunk by chunk, and its session is saved before the first chunk',
    async ({ site }) => {
      const more = gate()
      const here = await site({
        async '/stream'({ session }) {
          ;(await session()).set('a', 1)
          return stream(async function* () {
            yield 'one'
            await more.opened
            yield 'two'
          })
        },
      })
      const visitor = here.visitor()
      const going = visitor.begin('/stream')
      assert.equal((await going.head).status, 200)
      assert.equal(await going.next(), 'one')
      assert.deepEqual(await visitor.facts(), { userId: null, a: 1 })
      more.open()
      assert.equal(await going.next(), 'two')
      assert.equal(await going.next(), null)
    },
  )

  property('a change after the first byte throws, and is not saved', async ({ site }) => {
    const here = await site({
      async '/late'({ session }) {
        const s = await session()
        s.set('early', 1)
        return stream(async function* () {
          yield 'one '
          await turns(20)
          for (const change of [() => s.set('late', 1), () => s.logout(), () => s.login('eve'), () => s.clear()])
            try {
              change()
            } catch (error) {
              yield `${(error as { code?: string }).code} `
            }
        })
      },
    })
    const visitor = here.visitor()
    assert.equal((await visitor.must('/late')).text, `one ${'STRONGROOM_CLOSED '.repeat(4)}`)
    assert.deepEqual(await visitor.facts(), { userId: null, early: 1 })
  })

  property('a session can still be read while the response is being sent', async ({ site }) => {
    const here = await site({
      async '/tell'({ session }) {
        const s = await session()
        return stream(async function* () {
          yield 'it is '
          await turns(20)
          yield String(s.get('a'))
        })
      },
    })
    const visitor = here.visitor()
    await visitor.must('/set?a=1')
    assert.equal((await visitor.must('/tell')).text, 'it is 1')
  })

  property('large bodies arrive complete, in one piece or in chunks', async ({ site }) => {
    // Small chunks first, which are written while the session is being saved. No two are alike, so that a wrong order shows.
    const sizes = [...Array(32).fill(64), ...Array(16).fill(65_536)] as number[]
    const chunks = sizes.map((size, n) =>
      Buffer.from(Array.from({ length: size }, (_, i) => (n * 7 + i * 31 + (i >> 8)) % 251)),
    )
    const whole = Buffer.concat(chunks)
    const body = async function* () {
      for (const chunk of chunks) yield new Uint8Array(chunk)
    }
    const here = await site({
      async '/whole'({ session }) {
        ;(await session()).set('a', 1)
        return status(200, whole)
      },
      async '/chunks'({ session }) {
        ;(await session()).set('b', 1)
        return status(200, body())
      },
    })
    here.watch.before = () => turns(10)
    const visitor = here.visitor()
    for (const path of ['/whole', '/chunks', '/chunks']) {
      const { bytes } = await visitor.must(path)
      assert.equal(bytes.length, whole.length)
      assert.equal(digest(bytes), digest(whole))
    }
    assert.deepEqual(await visitor.facts(), { userId: null, a: 1, b: 1 })
  })

  for (const [title, asking, route] of [
    ['for HEAD', { method: 'HEAD' }, () => text('the body')],
    ['204', {}, () => status(204)],
    ['304', {}, () => status(304, null, [['ETag', '"1"']])],
    ['a redirect', {}, () => status(302, null, [['Location', '/read']])],
    ['empty', {}, () => text('')],
  ] as const)
    property(`a session is saved with a response that is ${title}`, async ({ site }) => {
      const answer: Route = async ({ session }) => {
        ;(await session()).set('a', 1)
        return route()
      }
      const here = await site({ '/bare': answer })
      here.watch.before = () => turns(10)
      const visitor = here.visitor()
      const page = await visitor.ask('/bare', asking)
      assert.equal(page.status, route().status)
      assert.equal(page.text, '')
      assert.deepEqual(page.all('vary'), ['Cookie'])
      assert.equal(page.all('set-cookie').length, 1)
      for (const [name, value] of route().headers) assert.equal(page.header(name.toLowerCase()), value)
      assert.deepEqual(await visitor.facts(), { userId: null, a: 1 })
    })

  property.of('versions', 'the session of a client that disconnects before the response is saved', async (given) => {
    const [arrived, gone] = [gate(), gate()]
    const here = await given.site({
      async '/work'({ session }) {
        const s = await session()
        arrived.open()
        await gone.opened
        await turns(20)
        s.set('done', true)
        return text('done')
      },
    })
    const visitor = here.visitor()
    await visitor.must('/set?a=1')
    const going = visitor.begin('/work')
    await arrived.opened
    going.leave()
    gone.open()
    await until(async () => (await visitor.facts()).done === true)
  })

  property('the session of a client that disconnects during the response is saved', async ({ site }) => {
    const here = await site({
      async '/endless'({ session }) {
        const s = await session()
        s.set('a', 1)
        return stream(async function* () {
          for (let i = 0; i < 10_000; i += 1) {
            yield 'and on '
            await turns(1)
          }
        })
      },
    })
    const visitor = here.visitor()
    const going = visitor.begin('/endless')
    await going.head
    await going.next()
    going.leave()
    assert.deepEqual(await visitor.facts(), { userId: null, a: 1 })
    assert.equal((await visitor.must('/plain')).text, 'plain')
  })

  property.of(
    'versions',
    'a client that disconnects while its session is being saved does no harm',
    async ({ site }) => {
      const here = await site()
      const visitor = here.visitor()
      await visitor.must('/set?a=1')
      const [writing, left] = [gate(), gate()]
      here.watch.before = async (call) => {
        if (call !== 'update') return
        writing.open()
        await left.opened
        await turns(20)
      }
      const going = visitor.begin('/set?a=2')
      await writing.opened
      going.leave()
      left.open()
      here.watch.before = null
      await until(async () => (await visitor.facts()).a === '2')
    },
  )
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
