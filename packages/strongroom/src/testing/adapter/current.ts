import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { memory } from '../../engines/memory/memory.ts'
import { NotAttachedError } from '../../errors.ts'
import { createSessions } from '../../sessions.ts'
import { json, type Route } from './application.ts'
import { barrier, gate } from './gate.ts'
import type { Property, Site } from './property.ts'

/** The session of code that is not handed the request. */
export function current(property: Property): void {
  property('current() is the session that get() resolves to, after an await, a timer and a promise', async (given) => {
    const here = await given.site({
      async '/same'(route) {
        const session = await route.session()
        const direct = await route.current()
        await setTimeout(1)
        const later = await route.current()
        const beside = await Promise.all([route.current(), Promise.resolve().then(() => route.current())])
        const byCallback = await new Promise((resolve) => setImmediate(() => resolve(route.current())))
        return json([direct, later, ...beside, byCallback].map((one) => one === session))
      },
    })
    const visitor = here.visitor()
    await visitor.must('/login?user=ada')
    assert.deepEqual(JSON.parse((await visitor.must('/same')).text), [true, true, true, true, true])
  })

  property('what current() has changed is saved, and asking by it counts as asking', async ({ site }) => {
    const here = await site({
      '/service': async ({ current, query }) => {
        const session = await current()
        const value = query.get('value')
        if (value !== null) session.set('value', value)
        return json(session.get('value') ?? null)
      },
    })
    const visitor = here.visitor()
    const written = await visitor.must('/service?value=tea')
    assert.equal(written.all('set-cookie').length, 1)
    const read = await visitor.must('/service')
    assert.deepEqual([read.text, read.all('vary'), read.all('set-cookie')], ['"tea"', ['Cookie'], []])
    here.watch.calls.length = 0
    assert.deepEqual((await visitor.must('/plain')).all('vary'), [])
    assert.deepEqual(here.watch.calls, [])
  })

  property('current() keeps the visitors of parallel requests apart', async ({ site }) => {
    const names = ['ada', 'bea', 'cat', 'dan', null]
    const [all, again] = [barrier(names.length), barrier(names.length)]
    const here = await site({
      async '/parallel'({ current }) {
        await all()
        const first = (await current()).userId
        await again()
        return json([first, (await current()).userId])
      },
    })
    const visitors = names.map((name) => ({ name, visitor: here.visitor() }))
    for (const { name, visitor } of visitors) if (name !== null) await visitor.must(`/login?user=${name}`)
    await Promise.all(
      visitors.map(async ({ name, visitor }) =>
        assert.deepEqual(JSON.parse((await visitor.must('/parallel')).text), [name, name]),
      ),
    )
  })

  property('nothing of a request is left for the next one on its connection', async ({ site }) => {
    const here = await site({ '/who': whoIs })
    const ada = here.visitor()
    await ada.must('/login?user=ada')
    assert.equal((await ada.must('/who')).text, '"ada"')
    // One after another: the client uses a connection that is free.
    assert.equal((await here.visitor().must('/who')).text, 'null')
    assert.equal((await ada.must('/who')).text, '"ada"')
    await refused(here.sessions)
  })

  property('current() is refused outside of a request, and in work that was waiting before it', async ({ site }) => {
    const [asked, done] = [gate(), gate()]
    const here = await site({
      async '/wakes'() {
        asked.open()
        await done.opened
        return json(true)
      },
    })
    await refused(here.sessions)
    const waiting = asked.opened.then(() => refused(here.sessions)).finally(done.open)
    await Promise.all([waiting, here.visitor().must('/wakes')])
  })

  property('current() of other sessions is refused, although a request is being handled', async ({ site }) => {
    const other = createSessions({ store: memory(), secrets: randomBytes(32) })
    const here = await site({
      async '/other'({ current }) {
        await refused(other)
        return json((await current()).userId)
      },
    })
    assert.equal((await here.visitor().must('/other')).text, 'null')
  })

  property.of('csrf', 'current() is the session of the request when its form has been read', async ({ site }) => {
    const reads: Route = async (route) => {
      assert.equal(String(await route.field('note')).length, 100_000)
      return whoIs(route)
    }
    const here = await site({ '/reads': reads }, {}, {})
    const ada = here.visitor()
    await ada.must('/login?user=ada')
    const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: here.origin }
    const page = await ada.ask('/reads', { method: 'POST', headers, body: `note=${'x'.repeat(100_000)}` })
    assert.equal(page.text, '"ada"')
  })
}

const whoIs: Route = async ({ current }) => json((await current()).userId)

const refused = (sessions: Pick<Site['sessions'], 'current'>) => assert.rejects(sessions.current(), NotAttachedError)
