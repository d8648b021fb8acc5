import assert from 'node:assert/strict'
import { parseSetCookie } from '../jar.ts'
import { json, type Route, status, text } from './application.ts'
import { barrier, turns } from './gate.ts'
import type { Property } from './property.ts'

/** What a change does to the response, to the store, and to the next request. */
export function saving(property: Property): void {
  property('the first write creates a session and sends its cookie with every attribute', async ({ site }) => {
    const here = await site()
    const page = await here.visitor().must('/set?a=1')
    const [line = '', ...others] = page.all('set-cookie')
    assert.deepEqual(others, [])
    const { name, value, attributes } = parseSetCookie(line)
    assert.equal(name, here.cookieName)
    assert.match(value, /^[A-Za-z0-9_-]{64,}$/)
    assert.deepEqual(Object.fromEntries(attributes), { path: '/', httponly: '', secure: '', samesite: 'Lax' })
    assert.deepEqual(page.all('cache-control'), ['no-store'])
    assert.deepEqual(page.all('vary'), ['Cookie'])
  })

  property(
    'what a request set, deleted and changed in nested values is there for the next request',
    async ({ site }) => {
      const here = await site({
        async '/fill'({ session }) {
          const s = await session()
          s.set('deep', { list: [{ n: 1 }] }).set('old', true)
          return text('')
        },
        async '/change'({ session }) {
          const s = await session()
          const deep = s.get('deep') as { list: { n: number }[] }
          if (deep.list[0]) deep.list[0].n = 2
          s.delete('old')
          return text('')
        },
      })
      const visitor = here.visitor()
      await visitor.must('/fill')
      await visitor.must('/change')
      assert.deepEqual(await visitor.facts(), { userId: null, deep: { list: [{ n: 2 }] } })
    },
  )

  property('a change in a nested value is noticed without a call to set', async ({ site }) => {
    const here = await site({
      async '/fill'({ session }) {
        ;(await session()).set('deep', { list: [{ n: 1 }] })
        return text('')
      },
      async '/change'({ session }) {
        const deep = (await session()).get('deep') as { list: { n: number }[] }
        if (deep.list[0]) deep.list[0].n = 2
        return text('')
      },
    })
    const visitor = here.visitor()
    await visitor.must('/fill')
    await visitor.must('/change')
    assert.deepEqual(await visitor.facts(), { userId: null, deep: { list: [{ n: 2 }] } })
  })

  property.of('versions', 'a change to an existing session does not send its cookie again', async ({ site }) => {
    const here = await site()
    const visitor = here.visitor()
    await visitor.must('/set?a=1')
    here.watch.calls.length = 0
    const page = await visitor.must('/set?a=2')
    assert.deepEqual(page.all('set-cookie'), [])
    assert.deepEqual(page.all('vary'), ['Cookie'])
    assert.deepEqual(here.watch.calls, ['read', 'update'])
  })

  for (const { given, whenSet, whenRead = given } of [
    { given: ['Vary', 'Accept-Encoding'], whenSet: ['Accept-Encoding, Cookie'], whenRead: 'same' },
    { given: ['Vary', 'Accept, cookie'], whenSet: ['Accept, cookie'], whenRead: 'same' },
    { given: ['Vary', '*'], whenSet: ['*'], whenRead: 'same' },
    { given: ['Cache-Control', 'private, no-store'], whenSet: ['private, no-store'], whenRead: 'same' },
    { given: ['Cache-Control', 'public, max-age=60'], whenSet: ['no-store'], whenRead: ['public, max-age=60'] },
  ] as const)
    property(`the application's own ${given.join(': ')} is respected`, async ({ site }) => {
      const own = [given]
      const here = await site({
        async '/mine'({ session }) {
          ;(await session()).set('a', 1)
          return text('mine', own)
        },
        async '/look'({ session }) {
          await session()
          return text('mine', own)
        },
      })
      const name = given[0].toLowerCase()
      assert.deepEqual((await here.visitor().must('/mine')).all(name), whenSet)
      assert.deepEqual((await here.visitor().must('/look')).all(name), whenRead === 'same' ? whenSet : whenRead)
    })

  property('no header of the application tells a CDN to store a response that sets the cookie', async ({ site }) => {
    const own = [
      ['CDN-Cache-Control', 'public, max-age=600'],
      ['Cloudflare-CDN-Cache-Control', 'max-age=600'],
      ['Vercel-CDN-Cache-Control', 'max-age=600'],
      ['Netlify-CDN-Cache-Control', 'public, max-age=600'],
      ['Surrogate-Control', 'max-age=600'],
      ['X-Accel-Expires', '600'],
      ['Edge-Control', 'cache-maxage=600s'],
    ] as const
    const here = await site({
      '/look': async ({ session }) => text(String((await session()).userId), own),
      async '/enter'({ session }) {
        ;(await session()).login('ada')
        return text('', own)
      },
      async '/leave'({ session }) {
        ;(await session()).logout()
        return text('', own)
      },
    })
    const visitor = here.visitor()
    for (const path of ['/enter', '/leave']) {
      const page = await visitor.must(path)
      assert.equal(page.all('set-cookie').length, 1)
      assert.deepEqual(page.all('cache-control'), ['no-store'])
      for (const [name] of own) assert.deepEqual(page.all(name.toLowerCase()), [], name)
    }
    const page = await visitor.must('/look')
    for (const [name, value] of own) assert.deepEqual(page.all(name.toLowerCase()), [value])
  })

  property("the application's own cookies are sent in addition to ours", async ({ site }) => {
    const own = ['theme=dark; Path=/', 'seen=1; Path=/; Max-Age=60']
    const mine: Route = async ({ session }) => {
      ;(await session()).set('a', 1)
      return text(
        '',
        own.map((line) => ['Set-Cookie', line] as const),
      )
    }
    const here = await site({ '/mine': mine })
    const visitor = here.visitor()
    const lines = (await visitor.must('/mine')).all('set-cookie')
    assert.deepEqual(lines.slice(0, 2), own)
    assert.equal(lines.length, 3)
    assert.equal(visitor.jar.value('theme'), 'dark')
    assert.ok(visitor.jar.value(here.cookieName))
  })

  property('a client that follows a redirect immediately finds what was written', async ({ site }) => {
    const here = await site({
      async '/enter'({ session, query }) {
        ;(await session()).login(query.get('user') ?? '')
        return status(303, null, [['Location', '/read']])
      },
    })
    here.watch.before = (call) => (call === 'read' ? undefined : turns(30))
    for (let round = 0; round < 20; round += 1) {
      const visitor = here.visitor()
      const page = await visitor.ask(`/enter?user=ada${round}`)
      assert.equal(page.status, 303)
      assert.equal(page.header('location'), '/read')
      assert.equal((await visitor.facts()).userId, `ada${round}`)
    }
  })

  property.of('versions', 'nothing is sent before the store has confirmed the write', async ({ site }) => {
    const here = await site()
    let written = false
    here.watch.before = async (call) => {
      if (call !== 'create') return
      await turns(50)
      written = true
    }
    const going = here.visitor().begin('/set?a=1')
    going.head.then(() => assert.ok(written, 'the head was sent before the record was stored'))
    assert.equal((await going.head).status, 200)
    assert.ok(written)
  })

  property('a flash message is read once', async ({ site }) => {
    const here = await site({
      async '/say'({ session }) {
        ;(await session()).flash('note', 'saved')
        return text('')
      },
      '/hear': async ({ session }) => json((await session()).flash('note')),
    })
    const visitor = here.visitor()
    await visitor.must('/say')
    assert.equal((await visitor.must('/hear')).text, '["saved"]')
    assert.equal((await visitor.must('/hear')).text, '[]')
  })

  property('two concurrent first requests create two sessions', async ({ site }) => {
    const both = barrier(2)
    const here = await site({
      async '/first'({ session }) {
        const s = await session()
        await both()
        s.set('a', 1)
        return text('')
      },
    })
    const [one, other] = [here.visitor(), here.visitor()]
    await Promise.all([one.must('/first'), other.must('/first')])
    assert.notEqual(one.jar.value(here.cookieName), other.jar.value(here.cookieName))
    for (const visitor of [one, other]) assert.equal((await visitor.facts()).a, 1)
  })
}
