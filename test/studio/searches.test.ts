import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { studio } from '@strongroom/studio'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { IndexedStore, ScannableStore } from '../../packages/strongroom/src/store.ts'
import { Searches } from '../../packages/studio/src/searches.ts'
import { SECRET, serving, signIn } from './browserless.ts'

type Ending = { after(done: () => unknown): void }

/** A store whose walks go on only when they are let. */
function slow() {
  const store = memory()
  const gates: (() => void)[] = []
  let [running, most] = [0, 0]
  const scan: ScannableStore['scan'] = async function* (options) {
    running += 1
    most = Math.max(most, running)
    try {
      await new Promise<void>((open) => gates.push(open))
      yield* store.scan(options)
    } finally {
      running -= 1
    }
  }
  const given = new Proxy(store, {
    get(target, name) {
      const value: unknown = name === 'scan' ? scan : Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  }) as IndexedStore
  return {
    store: given,
    /** Lets the walk go on that has waited for the longest, as soon as there is one. */
    async go() {
      while (gates.length === 0) await new Promise((turn) => setImmediate(turn))
      gates.shift()?.()
    },
    most: () => most,
  }
}

async function open(t: Ending) {
  const { store, go, most } = slow()
  const sessions = createSessions({ store, secrets: SECRET })
  for (let i = 0; i < 8; i++) await signIn(sessions, '42')
  const handles = (await sessions.of('42').list()).map(({ handle }) => handle)
  const events: string[] = []
  const board = studio(sessions, { guard: () => true, write: true, on: ({ type }) => events.push(type) })
  const site = await serving(t, board.node)
  const find = (at: number) => site.get(`/studio/sessions?handle=${handles[at]}`)
  return { sessions, handles, site, find, go, most, events }
}

suite('searches by handle', () => {
  test('run one at a time, show that they go on, and then what was found', async (t) => {
    const { find, go, most } = await open(t)
    const [first, second] = await Promise.all([find(0), find(1)])
    assert.deepEqual([first.status, first.headers.refresh], [200, '2'])
    assert.match(first.text, /Reading the store for \S{16} …\s*This page loads again/)
    assert.match(second.text, /1 other search first/)
    assert.equal(most(), 1)
    await go()
    assert.match((await find(0)).text, /One session</)
    await go()
    assert.match((await find(1)).text, /One session</)
    assert.equal(most(), 1)
  })

  test('that are too many are refused, with when to come back, and have not begun', async (t) => {
    const { find, go, site, handles, sessions, events } = await open(t)
    await Promise.all([0, 1, 2, 3, 4].map(find))
    const busy = await find(5)
    assert.deepEqual([busy.status, busy.headers['retry-after'], busy.headers.refresh], [503, '10', undefined])
    assert.match(busy.text, /Too many searches by handle are under way.*did not begin/)
    assert.match(busy.text, new RegExp(`name="handle" value="${handles[5]}"`))
    const end = await site.post('/studio/sessions/end', { handle: handles[6] ?? '' })
    assert.equal(end.status, 503)
    assert.match(end.text, /nothing was changed/)
    assert.equal((await site.get('/studio/sessions?user=42')).status, 200, 'a user’s sessions need no search')
    for (let i = 0; i < 5; i++) await go()
    assert.match((await find(4)).text, /One session</)
    const after = find(5)
    await go()
    assert.match((await after).text, /One session</)
    assert.equal((await sessions.of('42').list()).length, 8)
    assert.deepEqual(events, [])
  })

  test('for the same handle are one, however often the page is loaded', async (t) => {
    const { find, go } = await open(t)
    for (const { status } of await Promise.all([0, 0, 0, 0, 0, 0, 0, 0].map(find))) assert.equal(status, 200)
    await go()
    assert.match((await find(0)).text, /One session</)
  })

  test('that end a session go on when the form waits too long; the page to which it leads says what came of it', async (t) => {
    const { site, go, handles, sessions, events } = await open(t)
    const [handle = ''] = handles
    const { status, headers } = await site.post('/studio/sessions/end', { handle })
    assert.deepEqual([status, headers.location], [303, `/studio/sessions?handle=${handle}`])
    const waiting = await site.get(String(headers.location))
    assert.match(waiting.text, /Reading the store/)
    await go()
    const over = await site.get(String(headers.location))
    assert.deepEqual([over.status, over.headers.location], [303, '/studio/sessions?done=one&count=1'])
    assert.equal((await sessions.of('42').list()).length, 7)
    assert.deepEqual(events, ['ended'])
    // Loaded again, it searches, and ends nothing.
    const again = site.get(String(headers.location))
    await go()
    assert.match((await again).text, /No live session has this handle/)
  })
})

suite('what reads the whole store', () => {
  const instantly = { limit: 0 }
  const never = () => new Promise<never>(() => undefined)

  test('is given up when its turn comes and nobody has asked for it for half a minute, unless it must run', async () => {
    let now = 0
    const searches = new Searches(() => now)
    let release = () => {}
    const ran: string[] = []
    const work = (name: string) => async () => void ran.push(name)
    await searches.ask('first', () => new Promise<void>((done) => (release = done)), instantly)
    await searches.ask('abandoned', work('abandoned'), instantly)
    await searches.ask('must', work('must'), { ...instantly, mustRun: true })
    now += 20_000
    await searches.ask('wanted', work('wanted'), instantly)
    now += 20_000
    release()
    await searches.ask('wanted', work('wanted'), { limit: 10_000 })
    assert.deepEqual(ran, ['must', 'wanted'])
  })

  test('fails for the one who asked, and for nobody after that', async () => {
    const searches = new Searches()
    const failing = () => searches.ask('x', () => Promise.reject(new Error('the store is away')), { limit: 10_000 })
    await assert.rejects(failing(), /the store is away/)
    assert.deepEqual(await searches.ask('x', async () => 7, { limit: 10_000 }), { state: 'done', value: 7 })
  })

  test('has a result for as long as a page may need to ask for it, and not for ever', async () => {
    let now = 0
    const searches = new Searches(() => now)
    assert.equal(await searches.follow('x', 0), null)
    for (const age of [60_000, 60_001]) {
      let release = () => {}
      await searches.ask('x', () => new Promise<void>((done) => (release = done)), instantly)
      release()
      await searches.ask('next', async () => null, { limit: 10_000 })
      now += age
      const found = await searches.follow('x', 0)
      assert.equal(found?.state, age > 60_000 ? undefined : 'done')
      assert.equal(await searches.follow('x', 0), null, 'it is told once')
    }
  })

  test('of which one never ends does not let others wait without a bound', async () => {
    const searches = new Searches()
    const states = []
    for (let n = 0; n < 7; n++) states.push((await searches.ask(String(n), never, instantly)).state)
    assert.deepEqual(states, [...Array(5).fill('under way'), 'busy', 'busy'])
  })
})
