import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { devicesPage, type Guard, type StudioEvent, studio } from '@strongroom/studio'
import { withSessions } from '../../packages/strongroom/src/adapters/fetch.ts'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { SECRET, signIn, userOf } from './browserless.ts'

/** Two processes with a cache each; `there` has a copy of the session, and its owner has ended it `here`. */
async function ended(user: string, change: (cookie: string, sessions: Shop) => Promise<unknown> = async () => {}) {
  const durable = memory()
  const clock = manualClock()
  const start = () =>
    createSessions({
      store: cached({ durable, cache: memory({ clock, evicts: true }), clock }),
      secrets: SECRET,
      clock,
    })
  const [here, there] = [start(), start()]
  const stolen = await signIn(here, user)
  await change(stolen, here)
  await there.read({ cookie: stolen })
  return { durable, here, there, stolen }
}

type Shop = Sessions

const HOST = 'https://shop.test'

function asking(cookie: string, path: string, fields?: Record<string, string>): Request {
  const headers = { cookie, origin: HOST, 'sec-fetch-site': 'same-origin' }
  if (!fields) return new Request(`${HOST}${path}`, { headers })
  return new Request(`${HOST}${path}`, { method: 'POST', headers, body: new URLSearchParams(fields) })
}

const makeOperator = async (cookie: string, sessions: Shop, role = 'operator') => {
  const change = withSessions(sessions, async (request) => {
    ;(await sessions.get(request)).set('role', role)
    return new Response()
  })
  await change(asking(cookie, '/'))
}

suite('a process that has copies of sessions', () => {
  test('a session that was ended in another process ends no other one, and sees none, on the devices page', async () => {
    const { here, there, stolen } = await ended('42')
    const owner = await signIn(here, '42')
    const list = await here.of('42').list()
    const handles = list.map(({ handle }) => handle)
    for (const { handle } of list) if (!(await isOwn(here, owner, handle))) await here.of('42').revoke(handle)
    assert.deepEqual([await userOf(here, stolen), await userOf(there, stolen)], [null, '42'])
    const page = devicesPage(there, { signIn: '/sign-in' })
    const forms = [['/end-others', {}], ...handles.map((handle) => ['/end', { handle }] as const)] as const
    const requests = [
      asking(stolen, '/account/devices'),
      ...forms.map(([path, fields]) => asking(stolen, `/account/devices${path}`, fields)),
    ]
    for (const request of requests) {
      const response = await page.fetch(request)
      assert.deepEqual([response.status, response.headers.get('location')], [303, '/sign-in'], request.url)
    }
    assert.equal(await userOf(here, owner), '42')
    const seen = withSessions(there, async (request) => {
      await there.get(request)
      return new Response(await page.fragment(request))
    })
    assert.equal(await (await seen(asking(stolen, '/'))).text(), '')
  })

  for (const [title, lose] of [
    ['whose sessions were ended', (_: string, sessions: Shop) => sessions.of('grace').revokeAll()],
    ['who has lost the role', (cookie: string, sessions: Shop) => makeOperator(cookie, sessions, 'visitor')],
  ] as const)
    test(`an operator ${title} in another process ends nothing in the studio`, async () => {
      const { here, there, stolen } = await ended('grace', makeOperator)
      const victim = await signIn(here, '42')
      await lose(stolen, here)
      const events: StudioEvent[] = []
      const guard: Guard = async (request) => (await there.get(request)).get('role') === 'operator'
      const board = studio(there, { write: true, guard, on: (event) => events.push(event) })
      assert.equal((await board.fetch(asking(stolen, '/studio'))).status, 200)
      const form = asking(stolen, '/studio/sessions/end-all', { user: '42' })
      // As an application whose middleware has loaded the session already.
      const mounted = withSessions(there, async (request) => {
        assert.equal((await there.get(request)).get('role'), 'operator')
        return board.fetch(request)
      })
      for (const response of [await mounted(form.clone()), await board.fetch(form)]) assert.equal(response.status, 404)
      assert.deepEqual(
        events.map(({ type }) => type),
        ['refused', 'refused'],
      )
      assert.equal(await userOf(here, victim), '42')
    })

  test('an operator’s session that a handler in front has changed, and that has ended, lets nobody in', async () => {
    const { here, there, stolen } = await ended('grace', makeOperator)
    const victim = await signIn(here, '42')
    await here.of('grace').revokeAll()
    const guard: Guard = async (request) => (await there.get(request)).get('role') === 'operator'
    const board = studio(there, { write: true, guard, on: () => {} })
    const mounted = withSessions(there, async (request) => {
      ;(await there.get(request)).set('seen', true)
      return board.fetch(request)
    })
    assert.equal((await mounted(asking(stolen, '/studio/sessions/end-all', { user: '42' }))).status, 404)
    assert.equal(await userOf(here, victim), '42')
  })

  test('a form is refused while the store cannot say whether the operator’s session is alive', async () => {
    const { durable, there, stolen } = await ended('grace', makeOperator)
    await durable.close()
    const events: StudioEvent[] = []
    const guard: Guard = async (request) => (await there.get(request)).get('role') === 'operator'
    const board = studio(there, { write: true, guard, on: (event) => events.push(event) })
    const response = await board.fetch(asking(stolen, '/studio/sessions/end-all', { user: '42' }))
    assert.equal(response.status, 500)
    assert.deepEqual(
      events.map(({ type }) => type),
      ['guardFailed'],
    )
  })
})

const isOwn = async (sessions: Shop, cookie: string, handle: string) =>
  (await sessions.read({ cookie })).handle === handle
