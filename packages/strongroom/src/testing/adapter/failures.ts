import assert from 'node:assert/strict'
import { type Route, status, text } from './application.ts'
import { gate, turns, until } from './gate.ts'
import type { Property, Site } from './property.ts'
import type { Page } from './visitor.ts'

const BODY = 'the body of the application'

const throws: Route = async ({ query, session }) => {
  if (query.has('before')) throw new Error('secretPlan failed')
  ;(await session()).set('half', true)
  throw new Error('secretPlan failed')
}

/** What an error page gives away when it shows a message or a stack. */
const TELLS = /secretPlan|bigint|bytes|session|store|cookie|node_modules|\.ts/i

/** What is saved, and what the response shows, when something goes wrong. */
export function failures(property: Property): void {
  const fails: Route = async ({ query, session }) => {
    const s = await session()
    s.set('half', true)
    if (query.has('login')) s.login('eve')
    if (query.has('logout')) s.logout()
    return status(Number(query.get('status')), BODY)
  }

  property('a response of 500 or above saves nothing of what the request changed', async ({ site }) => {
    const here = await site({ '/fails': fails })
    const visitor = here.visitor()
    await visitor.must('/set?a=1')
    for (const path of ['/fails?status=500', '/fails?status=503', '/fails?status=500&login']) {
      here.watch.calls.length = 0
      const page = await visitor.ask(path)
      assert.equal(page.status, Number(/\d+/.exec(path)))
      assert.equal(page.text, BODY)
      assert.deepEqual(page.all('set-cookie'), [])
      assert.deepEqual(
        here.watch.calls.filter((call) => call !== 'read'),
        [],
      )
    }
    assert.deepEqual(await visitor.facts(), { userId: null, a: '1' })
    assert.deepEqual((await here.visitor().ask('/fails?status=500')).all('set-cookie'), [])
  })

  property('a response below 500 saves what the request changed', async ({ site }) => {
    const here = await site({ '/fails': fails })
    for (const code of [400, 404, 422, 499]) {
      const visitor = here.visitor()
      assert.equal((await visitor.ask(`/fails?status=${code}`)).status, code)
      assert.deepEqual(await visitor.facts(), { userId: null, half: true })
    }
  })

  property('a logout is saved even when its page fails', async ({ site }) => {
    const here = await site({ '/fails': fails })
    const visitor = here.visitor()
    await visitor.must('/login')
    const page = await visitor.ask('/fails?status=500&logout')
    assert.equal(page.status, 500)
    assert.equal(page.all('set-cookie').length, 1)
    assert.equal(visitor.jar.header(), undefined)
  })

  property(
    'what a handler changed before it failed is dropped, even if the client had disconnected',
    async ({ site }) => {
      const [arrived, gone, answered] = [gate(), gate(), gate()]
      const here = await site({
        async '/pay'({ session }) {
          const s = await session()
          s.set('paid', true).login('eve')
          arrived.open()
          await gone.opened
          // Until the server has noticed.
          await turns(50)
          answered.open()
          return status(500, BODY)
        },
      })
      const visitor = here.visitor()
      await visitor.must('/set?a=1')
      here.watch.calls.length = 0
      const going = visitor.begin('/pay')
      await arrived.opened
      going.leave()
      gone.open()
      await answered.opened
      await turns(50)
      assert.deepEqual(
        here.watch.calls.filter((call) => call !== 'read'),
        [],
      )
      assert.deepEqual(await visitor.facts(), { userId: null, a: '1' })
    },
  )

  property.of(
    'revocable',
    'a logout is saved even when its client disconnects and its page fails',
    async ({ site }) => {
      const [arrived, gone] = [gate(), gate()]
      const here = await site({
        async '/leave'({ session }) {
          const s = await session()
          s.logout()
          arrived.open()
          await gone.opened
          await turns(50)
          return status(500, BODY)
        },
      })
      const visitor = here.visitor()
      await visitor.must('/login?user=ada')
      const going = visitor.begin('/leave')
      await arrived.opened
      going.leave()
      gone.open()
      await until(async () => (await visitor.facts()).userId === null)
    },
  )

  property('a handler that throws is answered with a 500, and the server goes on', async ({ site }) => {
    const here = await site({ '/throws': throws })
    const visitor = here.visitor()
    await visitor.must('/set?a=1')
    for (const path of ['/throws', '/throws?before']) {
      const page = await visitor.ask(path)
      assert.equal(page.status, 500)
      assert.deepEqual(page.all('set-cookie'), [])
    }
    assert.deepEqual(await visitor.facts(), { userId: null, a: '1' })
  })

  property('in production the page of a server error says only that there was an error', async (given) => {
    // Not by its full name, for which a bundler puts a string that cannot be assigned to.
    const { env } = process
    const before = env.NODE_ENV
    env.NODE_ENV = 'production'
    try {
      const here = await given.site({
        '/throws': throws,
        async '/odd'({ session }) {
          ;(await session()).set('secretPlan', 1n)
          return text(BODY)
        },
        async '/large'({ session }) {
          ;(await session()).set('secretPlan', 'x'.repeat(100_000))
          return text(BODY)
        },
      })
      const visitor = here.visitor()
      await visitor.must('/set?a=1')
      for (const path of ['/throws', '/odd', '/large']) {
        const page = await visitor.ask(path)
        assert.equal(page.status, 500)
        assert.doesNotMatch(page.text, TELLS, path)
      }
      if (!given.abilities.includes('revocable')) return
      down(here)
      const page = await visitor.ask('/set?a=2')
      assert.equal(page.status, 503)
      assert.doesNotMatch(page.text, TELLS)
    } finally {
      if (before === undefined) delete env.NODE_ENV
      else env.NODE_ENV = before
    }
  })

  property('saveOnServerError saves changes at every status', async ({ site }) => {
    const here = await site({ '/fails': fails }, { saveOnServerError: true })
    const visitor = here.visitor()
    assert.equal((await visitor.ask('/fails?status=500')).status, 500)
    assert.deepEqual(await visitor.facts(), { userId: null, half: true })
  })

  property.of('revocable', 'while the store is down nobody is logged out', async ({ site }) => {
    const here = await site({
      async '/calm'({ session }) {
        const s = await session({ onStoreError: 'anonymous' })
        return text(`${s.userId} ${s.isReadOnly}`)
      },
    })
    const visitor = here.visitor()
    await visitor.must('/login?user=ada')
    const cookie = visitor.jar.header() ?? ''
    down(here)
    for (const path of ['/read', '/set?a=1', '/logout']) {
      const page = await visitor.ask(path)
      assert.equal(page.status, 503)
      hasNoSecret(here, page, cookie)
      assert.deepEqual(page.all('set-cookie'), [])
    }
    const calm = await visitor.must('/calm')
    assert.equal(calm.text, 'null true')
    assert.deepEqual(calm.all('set-cookie'), [])
    assert.deepEqual(calm.all('vary'), ['Cookie'])
    assert.equal((await visitor.must('/plain')).text, 'plain')
    here.watch.before = null
    assert.deepEqual(await visitor.facts(), { userId: 'ada' })
  })

  property.of('versions', 'when the store fails at the write, only the error is sent', async ({ site }) => {
    const here = await site({
      async '/fill'({ session }) {
        ;(await session()).set('a', 2)
        return text(BODY, [
          ['ETag', '"1"'],
          ['Content-Length', String(BODY.length)],
          ['Cache-Control', 'public, max-age=600'],
          ['CDN-Cache-Control', 'public, max-age=600'],
        ])
      },
      async '/go'({ session }) {
        ;(await session()).set('a', 2)
        return status(302, BODY, [['Location', '/read']])
      },
    })
    const visitor = here.visitor()
    await visitor.must('/set?a=1')
    const cookie = visitor.jar.header() ?? ''
    down(here, ['update', 'create'])
    for (const [who, path] of [
      [visitor, '/fill'],
      [visitor, '/go'],
      [here.visitor(), '/fill'],
    ] as const) {
      const page = await who.ask(path)
      assert.equal(page.status, 503)
      assert.ok(!page.text.includes(BODY), 'the body of the application is not sent')
      for (const name of ['set-cookie', 'location', 'etag', 'cdn-cache-control'])
        assert.deepEqual(page.all(name), [], name)
      assert.doesNotMatch(page.header('cache-control') ?? '', /public/)
      hasNoSecret(here, page, cookie)
    }
    here.watch.before = null
    assert.equal((await visitor.facts()).a, '1')
  })

  property('when one value cannot be saved, nothing is saved, and the page is an error', async ({ site }) => {
    const here = await site({
      async '/odd'({ session }) {
        const s = await session()
        s.set('good', 1).set('odd', new Map([['secret-value', 1]]))
        return text(BODY)
      },
      async '/large'({ session }) {
        const s = await session()
        s.set('good', 1).set('large', 'secret-value'.repeat(100_000))
        return text(BODY)
      },
    })
    const visitor = here.visitor()
    await visitor.must('/set?a=1')
    const cookie = visitor.jar.header() ?? ''
    for (const path of ['/odd', '/large'])
      for (const who of [visitor, here.visitor()]) {
        const page = await who.ask(path)
        assert.equal(page.status, 500)
        assert.ok(!page.text.includes(BODY), 'the body of the application is not sent')
        assert.ok(!page.text.includes('secret-value'), 'data is not shown')
        assert.deepEqual(page.all('set-cookie'), [])
        hasNoSecret(here, page, cookie)
      }
    assert.deepEqual(await visitor.facts(), { userId: null, a: '1' })
  })
}

/** The error of the broken backend contains what must not get out, because the error of a driver may repeat its arguments. */
function down({ watch }: Site, calls?: readonly string[]): void {
  watch.before = (call) => {
    if (!calls || calls.includes(call)) throw new Error(`no connection; last key ${[...watch.ids].join()}`)
  }
}

function hasNoSecret({ watch }: Site, page: Page, cookie: string): void {
  const value = cookie.slice(cookie.indexOf('=') + 1)
  for (const secret of [...watch.ids, value]) assert.ok(!page.text.includes(secret), 'an error page contains a secret')
}
