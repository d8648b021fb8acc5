import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type Operator, type StudioEvent, studio } from '@strongroom/studio'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { IndexedStore } from '../../packages/strongroom/src/store.ts'
import { watched } from '../../packages/strongroom/src/testing/watched.ts'
import { SECRET, serving, shop, signIn, userOf } from './browserless.ts'

const FORMS = [
  '/studio/sessions/end',
  '/studio/sessions/end-others',
  '/studio/sessions/end-all',
  '/studio/everybody',
  '/studio/nowhere',
]

async function open(t: { after(done: () => unknown): void }, write: boolean | undefined) {
  const sessions = shop()
  const events: StudioEvent[] = []
  const guard = () => ({ name: 'grace' })
  const board = studio(sessions, { guard, ...(write !== undefined && { write }), on: (event) => events.push(event) })
  const cookies = [await signIn(sessions, '42'), await signIn(sessions, '42'), await signIn(sessions, '42')] as const
  const other = await signIn(sessions, '43')
  const devices = await sessions.of('42').list()
  const handles = devices.map(({ handle }) => handle)
  const alive = async () => (await sessions.of('42').list()).map(({ handle }) => handle)
  return { sessions, events, site: await serving(t, board.node), cookies, other, handles, alive }
}

/** The fields of a form, as a browser sends them: without null characters, and with its own line breaks. */
const fieldsIn = (form: string): Record<string, string> =>
  Object.fromEntries(
    [...form.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name = '', value = '']) => [
      name,
      value
        .replaceAll('\0', '\ufffd')
        .replace(/\r\n?|\n/g, '\r\n')
        .replaceAll('&quot;', '"')
        .replaceAll('&#39;', "'")
        .replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&amp;', '&'),
    ]),
  )

suite('what an operator may end', () => {
  for (const write of [undefined, false])
    test(`a studio with write: ${write} refuses every form, and has no buttons that end something`, async (t) => {
      const { site, handles, alive, events } = await open(t, write)
      for (const path of FORMS) {
        const { status, text } = await site.post(path, {
          user: '42',
          handle: handles[0] ?? '',
          phrase: 'end everybody',
        })
        assert.equal(status, 403, path)
        assert.match(text, /The studio is read-only/)
      }
      assert.equal((await alive()).length, 3)
      assert.ok(
        events.every((event) => event.type === 'refused' && event.reason === 'read-only' && event.operator === 'grace'),
      )
      const { text } = await site.get('/studio/sessions?user=42')
      assert.match(text, /3 live sessions/)
      assert.doesNotMatch(text, /method="post"/)
    })

  test('of operators, the guard says who may end sessions, where any may; a role that is missing is none', async (t) => {
    const sessions = shop()
    await signIn(sessions, '42')
    const roles: Record<string, object> = {
      ada: { name: 'ada', write: true },
      bob: { name: 'bob', write: false },
      eve: { name: 'eve', write: undefined },
    }
    const guard = (request: Request) => roles[request.headers.get('x-who') ?? ''] as Operator
    const events: StudioEvent[] = []
    const site = await serving(t, studio(sessions, { guard, write: true, on: (event) => events.push(event) }).node)
    const reading = await serving(t, studio(sessions, { guard }).node)
    for (const [at, who, may] of [
      [site, 'bob', false],
      [site, 'eve', false],
      [reading, 'ada', false],
      [site, 'ada', true],
    ] as const) {
      const headers = { 'x-who': who }
      const { text } = await at.get('/studio/sessions?user=42', headers)
      assert.equal(/method="post"/.test(text), may, who)
      assert.match(text, may ? /May end sessions · ada/ : /Read-only · /)
      assert.equal((await at.post('/studio/sessions/end-all', { user: '42' }, headers)).status, may ? 303 : 403)
    }
    assert.deepEqual(
      events.map(({ type, ...rest }) => [type, 'operator' in rest && rest.operator]),
      [
        ['refused', 'bob'],
        ['refused', 'eve'],
        ['ended', 'ada'],
      ],
    )
    assert.equal((await sessions.of('42').list()).length, 0)
  })

  test('one session ends, with an event that has its handle and the operator, and a redirect', async (t) => {
    const { site, sessions, handles, alive, events, cookies } = await open(t, true)
    const [first = '', ...rest] = handles
    const { status, headers } = await site.post('/studio/sessions/end', { user: '42', handle: first })
    assert.deepEqual([status, headers.location], [303, '/studio/sessions?user=42&done=one&count=1#done'])
    assert.deepEqual(await alive(), rest)
    assert.equal(await userOf(sessions, cookies[2]), null)
    assert.deepEqual(events, [{ type: 'ended', what: 'one', handle: first, count: 1, operator: 'grace' }])
    assert.match((await site.get(String(headers.location))).text, /The session has ended/)
    await site.post('/studio/sessions/end', { user: '42', handle: first })
    assert.equal(events.length, 1, 'what had ended before is no event')
  })

  test('one session of many ends on a page of older ones, and the operator is led back to that page', async (t) => {
    const { site, sessions, alive } = await open(t, true)
    for (let i = 0; i < 100; i++) await signIn(sessions, '42')
    const { text } = await site.get('/studio/sessions?user=42')
    const older = /older=(\d+\.[\w-]{16})">Older/.exec(text)?.[1] ?? ''
    const page = await site.get(`/studio/sessions?user=42&older=${older}`)
    const handle = /<code>([\w-]{16})</.exec(page.text)?.[1] ?? ''
    assert.match(page.text, new RegExp(`name="older" value="${older}"`))
    const { headers } = await site.post('/studio/sessions/end', { user: '42', handle, older })
    assert.equal(headers.location, `/studio/sessions?user=42&older=${older}&done=one&count=1#done`)
    assert.match(
      (await site.get(String(headers.location))).text,
      /The session has ended.*102 live sessions.*101 to 102/s,
    )
    const forged = await site.post('/studio/sessions/end', { user: '42', handle, older: '&user=43' })
    assert.equal(forged.headers.location, '/studio/sessions?user=42&done=one&count=0#done')
    assert.equal((await alive()).length, 102)
  })

  const ODD = [
    ['HTML', `<b>"&amp;'</b>`],
    ['other scripts, and a character outside the first plane', 'ünï 用户 \u{1f98a}'],
    ['a letter and its mark as two characters', 'e\u0301'],
    ['line breaks, of which a browser sends others', 'a\nb\r\nc\rd'],
    ['a null character, which a browser replaces', 'a\u0000b'],
    ['what an address has', '../a?b=c&d#e%20f%zz+g'],
    ['a turned direction of writing', '\u202eabc'],
    ['3,000 characters', 'x'.repeat(3000)],
  ] as const
  for (const [title, user] of ODD)
    test(`a user whose id has ${title} is found, and ended by the form of the page`, async (t) => {
      const { site, sessions } = await open(t, true)
      const devices = [await signIn(sessions, user), await signIn(sessions, user), await signIn(sessions, user)]
      const { text } = await site.get(`/studio/sessions?${new URLSearchParams({ user })}`)
      assert.match(text, /3 live sessions/)
      assert.doesNotMatch(text, /<b>/)
      const fields = fieldsIn(/action="\/studio\/sessions\/end-others">(.*?)<\/form>/s.exec(text)?.[1] ?? '')
      const { headers } = await site.post('/studio/sessions/end-others', fields)
      assert.match(String(headers.location), /done=others&count=2#done$/)
      assert.match((await site.get(String(headers.location))).text, /Ended 2 other sessions.*1 live session</s)
      const left = await Promise.all(devices.map((cookie) => userOf(sessions, cookie)))
      assert.deepEqual(
        left.filter((one) => one !== null),
        [user],
      )
    })

  test("another user's session is not ended by a form about this user", async (t) => {
    const { site, sessions, other } = await open(t, true)
    const [theirs] = await sessions.of('43').list()
    const { headers } = await site.post('/studio/sessions/end', { user: '42', handle: theirs?.handle ?? '' })
    assert.match(String(headers.location), /done=one&count=0/)
    assert.equal(await userOf(sessions, other), '43')
  })

  test('all but one end; nothing ends when the one to keep is not there', async (t) => {
    const { site, handles, alive, events } = await open(t, true)
    const { headers } = await site.post('/studio/sessions/end-others', { user: '42', handle: 'A'.repeat(16) })
    assert.deepEqual(events, [], 'what did not happen is no event')
    assert.equal(headers.location, '/studio/sessions?user=42&done=others&count=#done')
    assert.equal((await alive()).length, 3)
    assert.match((await site.get(String(headers.location))).text, /Nothing was ended/)
    await site.post('/studio/sessions/end-others', { user: '42', handle: handles[1] ?? '' })
    assert.deepEqual(await alive(), [handles[1]])
    assert.deepEqual(events, [{ type: 'ended', what: 'others', handle: handles[1], count: 2, operator: 'grace' }])
  })

  test('all but one end by few calls of the store, however many there are', async (t) => {
    const watch = watched(memory())
    const sessions = createSessions({ store: watch.store as IndexedStore, secrets: SECRET })
    for (let n = 0; n < 500; n++) await signIn(sessions, 'ada')
    const [first] = await sessions.of('ada').list()
    const site = await serving(t, studio(sessions, { guard: () => true, write: true }).node)
    watch.calls.length = 0
    const { headers } = await site.post('/studio/sessions/end-others', { user: 'ada', handle: first?.handle ?? '' })
    assert.match(String(headers.location), /done=others&count=499#done$/)
    assert.ok(watch.calls.length < 20, `${watch.calls.length} calls`)
    assert.equal((await sessions.of('ada').list()).length, 1)
  })

  test('a form without a user ends nothing, and is no failure', async (t) => {
    const { site, alive, events } = await open(t, true)
    for (const path of ['/studio/sessions/end-others', '/studio/sessions/end-all']) {
      const { status, headers } = await site.post(path, { user: '' })
      assert.deepEqual([status, headers.location], [303, '/studio/sessions'])
    }
    assert.equal((await alive()).length, 3)
    assert.deepEqual(events, [])
  })

  test('all sessions of a user end, and nobody else’s', async (t) => {
    const { site, sessions, alive, other } = await open(t, true)
    const { headers } = await site.post('/studio/sessions/end-all', { user: '42' })
    assert.match((await site.get(String(headers.location))).text, /Ended 3 sessions: all of this user/)
    assert.deepEqual(await alive(), [])
    assert.equal(await userOf(sessions, other), '43')
  })

  test('a session is found and ended by its handle alone; a cookie in its place is not repeated', async (t) => {
    const { site, handles, alive, cookies } = await open(t, true)
    const { text } = await site.get(`/studio/sessions?handle=${handles[0]}`)
    assert.match(text, /One session/)
    await site.post('/studio/sessions/end', { handle: handles[0] ?? '' })
    assert.deepEqual(await alive(), handles.slice(1))
    const pasted = cookies[0].split('=')[1] ?? ''
    const refused = await site.get(`/studio/sessions?handle=${pasted}`)
    assert.equal(refused.status, 400)
    assert.match(refused.text, /That is not a handle/)
    assert.ok(!refused.text.includes(pasted))
  })

  test('to look at a page makes no session in the store', async (t) => {
    const { site, sessions } = await open(t, true)
    for (const path of ['/studio', '/studio/sessions?user=42', '/studio/everybody'])
      assert.equal((await site.get(path)).headers['set-cookie'], undefined)
    assert.equal((await sessions.stats()).live, 4)
  })

  test('no page has a token or an id of a session in it', async (t) => {
    const { site, cookies, sessions } = await open(t, true)
    const values = cookies.map((cookie) => cookie.split('=')[1] ?? '')
    const { text } = await site.get('/studio/sessions?user=42')
    for (const value of values) assert.ok(!text.includes(value) && !text.includes(value.slice(-40)))
    assert.equal((await sessions.of('42').list()).filter(({ handle }) => text.includes(handle)).length, 3)
  })

  test('removing everybody needs the phrase, and a single secret', async (t) => {
    const { site, alive, events } = await open(t, true)
    const { headers } = await site.post('/studio/everybody', { phrase: 'yes' })
    assert.equal(headers.location, '/studio/everybody?mistyped')
    assert.equal(events.length, 0)
    await site.post('/studio/everybody', { phrase: ' End everybody ' })
    // The secret is the one that they began under: it is said that nothing was ended, and nothing is.
    assert.match(
      (await site.get('/studio/everybody')).text,
      /Nothing was ended: the secret of this server opens 4 sessions/,
    )
    assert.equal((await alive()).length, 3)
    assert.deepEqual(events, [{ type: 'ended', what: 'everybody', handle: null, count: 0, operator: 'grace' }])
  })

  test('after the secrets were replaced, what is stored of everybody is removed', async (t) => {
    const { site, sessions } = await open(t, true)
    await sessions.reloadSecrets('Zk3x9QvT1mN7bR5cW8yL2pD6Zk3x9QvT1mN7bR5cW8yL2pD6')
    await site.post('/studio/everybody', { phrase: 'end everybody' })
    assert.match((await site.get('/studio/everybody')).text, /Removed 4 sessions just now/)
    assert.equal((await sessions.stats()).live, 0)
  })

  test('while a retired secret is in the ring, nobody is removed', async (t) => {
    const { site, sessions, events } = await open(t, true)
    await sessions.reloadSecrets([
      'Zk3x9QvT1mN7bR5cW8yL2pD6Zk3x9QvT1mN7bR5cW8yL2pD6',
      'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx',
    ])
    await site.post('/studio/everybody', { phrase: 'end everybody' })
    assert.match((await site.get('/studio/everybody')).text, /This server has 2 secrets/)
    assert.deepEqual(events, [])
  })
})

suite('a form that another page has sent is refused', () => {
  for (const [title, headers] of [
    ['of another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
    ['of another site, by its Origin alone', { 'sec-fetch-site': null, origin: 'https://evil.example' }],
    ['of a neighbouring host', { 'sec-fetch-site': 'same-site', origin: 'http://blog.shop.test' }],
    ['of a page without an origin', { 'sec-fetch-site': null, origin: 'null' }],
    // A guard may go by a password or an address, which browsers send by themselves: no cookie is no excuse.
    ['that says nothing of where it comes from, and has no token', { 'sec-fetch-site': null, origin: null }],
  ] as const)
    test(`one ${title}`, async (t) => {
      const { site, handles, alive, events } = await open(t, true)
      const { status, text } = await site.post(
        '/studio/sessions/end',
        { user: '42', handle: handles[0] ?? '' },
        headers,
      )
      assert.equal(status, 403)
      assert.match(text, /This form was refused/)
      assert.equal((await alive()).length, 3)
      assert.deepEqual(events, [{ type: 'refused', reason: 'forged', operator: 'grace' }])
    })

  test('an old browser, which says nothing, is known by the token of its session, and by no other', async (t) => {
    const { site, handles, alive, cookies } = await open(t, true)
    const silent = { 'sec-fetch-site': null, origin: null }
    const tokenFor = async (cookie: string) => {
      const { text, headers } = await site.get('/studio/sessions?user=42', { cookie })
      assert.equal(headers['cache-control'], 'no-store')
      return /name="_csrf" value="([^"]+)"/.exec(text)?.[1] ?? ''
    }
    const [own, others] = [await tokenFor(cookies[0]), await tokenFor(cookies[1])]
    const fields = { user: '42', handle: handles[0] ?? '' }
    const refused = await site.post(
      '/studio/sessions/end',
      { ...fields, _csrf: others },
      { ...silent, cookie: cookies[0] },
    )
    assert.equal(refused.status, 403)
    assert.equal((await alive()).length, 3)
    const accepted = await site.post(
      '/studio/sessions/end',
      { ...fields, _csrf: own },
      { ...silent, cookie: cookies[0] },
    )
    assert.equal(accepted.status, 303)
    assert.equal((await alive()).length, 2)
  })
})
