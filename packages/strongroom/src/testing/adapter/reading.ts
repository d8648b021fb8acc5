import assert from 'node:assert/strict'
import { json, type Route, text } from './application.ts'
import type { Property, Site } from './property.ts'
import type { Page } from './visitor.ts'

const MINUTE = 60_000

/** What a request costs that only reads its session, or does not ask for it. */
export function reading(property: Property): void {
  property(
    'a request that never asks for its session costs nothing, and its response has no header of ours',
    async ({ site }) => {
      const here = await site()
      const visitor = here.visitor()
      untouched(here, await visitor.must('/plain'))
      assert.deepEqual(here.events, [])
      await visitor.must('/set?a=1')
      here.watch.calls.length = 0
      untouched(here, await visitor.must('/plain'))
      assert.deepEqual(await visitor.facts(), { userId: null, a: '1' })
    },
  )

  property('a visitor without a cookie who only reads gets no cookie and costs no store call', async ({ site }) => {
    const here = await site()
    const page = await here.visitor().must('/read')
    assert.deepEqual(JSON.parse(page.text), { userId: null })
    assert.deepEqual(page.all('vary'), ['Cookie'])
    assert.deepEqual(page.all('set-cookie'), [])
    assert.deepEqual(page.all('cache-control'), [])
    assert.deepEqual(here.watch.calls, [])
  })

  property('a session that is only read is not written, and its cookie is not sent again', async ({ site }) => {
    const here = await site()
    const visitor = here.visitor()
    await visitor.must('/set?a=1&b=2')
    here.watch.calls.length = 0
    const page = await visitor.must('/read')
    assert.deepEqual(JSON.parse(page.text), { userId: null, a: '1', b: '2' })
    assert.deepEqual(page.all('vary'), ['Cookie'])
    assert.deepEqual(page.all('set-cookie'), [])
    assert.deepEqual(page.all('cache-control'), [])
    assert.deepEqual(
      here.watch.calls.filter((call) => call !== 'read'),
      [],
    )
  })

  property.of('versions', 'a read is one store call, however often the session is asked for', async ({ site }) => {
    const here = await site({
      async '/twice'({ session }) {
        const [one, other] = await Promise.all([session(), session()])
        const third = await session()
        return json(one === other && one === third)
      },
    })
    const visitor = here.visitor()
    await visitor.must('/set?a=1')
    here.watch.calls.length = 0
    assert.equal((await visitor.must('/twice')).text, 'true')
    assert.deepEqual(here.watch.calls, ['read'])
  })

  property('a session stays alive while it is used, and ends when it is not', async ({ site, clock }) => {
    const here = await site({}, { idle: '30m', absolute: '12h' })
    const visitor = here.visitor()
    await visitor.must('/set?a=1')
    for (let visit = 0; visit < 4; visit += 1) {
      clock.advance(20 * MINUTE)
      assert.equal((await visitor.facts()).a, '1')
    }
    clock.advance(30 * MINUTE)
    assert.deepEqual(await visitor.facts(), { userId: null })
  })

  property(
    'a request that peeks tells how long the session still lives, and extends nothing',
    async ({ site, clock }) => {
      const routes: Readonly<Record<string, Route>> = {
        '/left': async ({ peek }) => json(await peek()),
        // As where a middleware loads the session of every request.
        async '/read-and-left'({ session, peek }) {
          await session()
          return json(await peek())
        },
      }
      const here = await site(routes, { idle: '30m', absolute: '1h' })
      assert.equal((await here.visitor().must('/left')).text, 'null')
      const visitor = here.visitor()
      await visitor.must('/set?a=1')
      assert.equal((await visitor.must('/left')).text, 'null')
      await visitor.must('/login')
      for (const path of ['/left', '/read-and-left', '/left']) {
        clock.advance(9 * MINUTE)
        const page = await visitor.must(path)
        assert.deepEqual(page.all('set-cookie'), [])
        assert.deepEqual(page.all('vary'), ['Cookie'])
      }
      const left = async () => JSON.parse((await visitor.must('/left')).text)
      assert.deepEqual(await left(), { expiresIn: 3 * MINUTE, endsIn: 33 * MINUTE, canExtend: true })
      await visitor.must('/read')
      assert.deepEqual(await left(), { expiresIn: 30 * MINUTE, endsIn: 33 * MINUTE, canExtend: true })
      clock.advance(30 * MINUTE)
      assert.equal(await left(), null)
    },
  )

  property('a session ends at its absolute deadline, however much it is used', async ({ site, clock }) => {
    const here = await site({}, { idle: '30m', absolute: '1h' })
    const visitor = here.visitor()
    await visitor.must('/set?a=1')
    for (let visit = 0; visit < 2; visit += 1) {
      clock.advance(29 * MINUTE)
      await visitor.must('/read')
      await visitor.must(`/set?a=${visit}`)
    }
    clock.advance(2 * MINUTE)
    assert.deepEqual(await visitor.facts(), { userId: null })
  })

  property.of(
    'versions',
    'a touch is made only when it is due, moves the deadline and rewrites nothing',
    async (given) => {
      const here = await given.site({}, { idle: '30m' })
      const visitor = here.visitor()
      await visitor.must('/set?a=1')
      for (const [minutes, calls] of [
        [2, ['read']],
        [2, ['read', 'touch']],
        [2, ['read']],
      ] as const) {
        given.clock.advance(minutes * MINUTE)
        here.watch.calls.length = 0
        const page = await visitor.must('/read')
        assert.deepEqual(page.all('set-cookie'), [])
        assert.deepEqual(here.watch.calls, calls)
      }
    },
  )

  property.of('versions', 'a touch that fails does not fail the page', async ({ site, clock }) => {
    const here = await site({}, { idle: '30m' })
    const visitor = here.visitor()
    await visitor.must('/set?a=1')
    clock.advance(10 * MINUTE)
    here.watch.before = (call) => {
      if (call === 'touch') throw new Error('the backend is down')
    }
    assert.equal((await visitor.facts()).a, '1')
    assert.ok(here.events.some(({ type }) => type === 'storeError'))
  })

  property('a cookie that is not ours counts as no cookie, and never reaches the store', async ({ site }) => {
    const here = await site({ '/': () => text('') })
    for (const value of ['', 'x', 'A'.repeat(64), '%00%ff', '"quoted"', 'a b', 'A'.repeat(8000)]) {
      const page = await here.visitor().ask('/read', { cookie: `${here.cookieName}=${value}` })
      assert.equal(page.status, 200)
      assert.deepEqual(JSON.parse(page.text), { userId: null })
      assert.deepEqual(page.all('set-cookie'), [])
    }
    assert.deepEqual(here.watch.calls, [])
  })
}

function untouched({ watch }: Site, page: Page): void {
  for (const name of ['set-cookie', 'vary', 'cache-control']) assert.deepEqual(page.all(name), [], name)
  assert.deepEqual(watch.calls, [])
}
