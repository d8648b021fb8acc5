import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { SessionGoneError } from '../../packages/strongroom/src/errors.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import type { Clock, IndexedStore, ScannableStore, Store } from '../../packages/strongroom/src/store.ts'
import { type Anything, type Fixture, fixture } from '../core/fixtures/fixture.ts'
import { interrupt, settle } from '../core/fixtures/gates.ts'
import type { Visitor } from '../core/fixtures/visitor.ts'
import { ENVIRONMENTS } from './environments.ts'
import { type Environment, onEach, type RunningEnvironment } from './fixtures/environment.ts'
import { Browser, type Site, sessionsOn, sites } from './fixtures/site.ts'

type S = Session<Anything>
const MINUTE = 60_000

/** What a slow request does with its session. */
const SLOW: Record<string, (session: S, user: string) => void> = {
  'a request that writes': (session) => session.set('a', 2),
  'a request that counts': (session) => session.update('n', (n = 0) => n + 1),
  'a request that clears': (session) => session.clear(),
  'a request that renews': (session) => session.renew(),
  'a request that writes and renews': (session) => session.set('a', 2).renew(),
  'a request that changes the expiry': (session) => session.setExpiry({ idle: '20m', absolute: '5h' }),
  'a request that logs in again': (session, user) => session.login(user),
  'a request that only reads, and touches': () => undefined,
}

interface Scene {
  readonly app: Fixture
  /** Unique, so that the scenes in one store do not end each other's sessions. */
  readonly user: string
  readonly victim: Visitor<Anything>
  readonly other: Visitor<Anything>
}

/** How the session ends during the slow request. Resolves to true when it was live, and so must stay ended. */
const ENDS: Record<string, (scene: Scene, victim: Visitor<Anything>) => Promise<boolean>> = {
  'a logout': (_, victim) =>
    victim.visit((session) => {
      session.logout()
      return session.isNew === false
    }),
  'a revocation of all': async ({ app, user }) => {
    await app.sessions.of(user).revokeAll()
    return true
  },
  'a revocation from another device': async ({ app, user, other }) => {
    await other.visit((session) => app.sessions.of(user).revokeOthers(session))
    return true
  },
  'a revocation by handle': async ({ app, user }) => {
    const [device] = (await app.sessions.of(user).list()).filter(({ label }) => label === 'victim')
    return device ? app.sessions.of(user).revoke(device.handle) : false
  },
  'its idle time': async ({ app }) => {
    app.clock.advance(31 * MINUTE)
    return true
  },
  'its absolute deadline': async ({ app }) => {
    app.clock.advance(13 * 60 * MINUTE)
    return true
  },
}

let scenes = 0

/** A victim and another device, both logged in. The next request of the victim is due for a touch. */
async function scene(app: Fixture): Promise<Scene> {
  const user = `ada ${++scenes}`
  const [victim, other] = [app.visitor(), app.visitor()]
  await other.visit((session) => session.login(user, { label: 'other', remember: true }))
  await victim.visit((session) => session.set('secret', 1).set('n', 1).login(user, { label: 'victim' }))
  app.clock.advance(4 * MINUTE)
  await settle()
  return { app, user, victim, other }
}

async function isDead(app: Fixture, ...cookies: (string | null)[]) {
  await settle()
  for (const cookie of cookies) {
    const thief = app.visitor()
    thief.cookie = cookie
    // A slow request may have begun a new session for the cookie; it must have nothing of the ended one.
    assert.deepEqual(await thief.visit((session) => [session.userId, session.has('secret')]), [null, false])
  }
}

/** Ends the session in one way at one point of a slow request. Resolves to false when the request has no such point. */
async function dies(app: Fixture, what: string, end: string, at: number): Promise<boolean> {
  const here = await scene(app)
  const [before, late] = [here.victim.cookie, here.victim.copy()]
  let ended = false
  const request = async () => {
    const slow = late.begin()
    SLOW[what]?.(await slow.session(), here.user)
    await slow.respond()
  }
  const sudden = async () => {
    ended = (await ENDS[end]?.(here, here.victim.copy())) === true
  }
  const { reached, result } = await interrupt(app.gates, request, sudden, at)
  if (!reached) return false
  // When the request logged in again or renewed the session before the end, its new cookie belongs to the ended session too.
  const renewed = late.cookie !== null && late.cookie !== before
  await isDead(app, before)
  const fresh = what.includes('logs in') && result.status === 'fulfilled'
  if (ended && !fresh) await isDead(app, before, late.cookie)
  if (result.status === 'rejected') {
    assert.ok(result.reason instanceof SessionGoneError, String(result.reason))
    assert.equal(renewed, false, 'a request that fails because the session is gone gets no cookie')
  }
  return true
}

type Engine = (store: IndexedStore) => IndexedStore
const inCookies: Engine = (store) => cookie({ revocations: store }) as never

/** Every way to end a session, at every point of every slow request. The test decides the order of all store calls. */
function everyInterleaving(open: (clock: Clock) => Promise<IndexedStore & ScannableStore>, engine?: Engine): void {
  // One store for all scenes, with the clock of the current one.
  let clock: Clock = Date.now
  let store: IndexedStore & ScannableStore
  before(async () => {
    store = await open(() => clock())
  })
  after(() => store.close())
  const make = () =>
    fixture(
      {},
      (given) => {
        clock = given
        return store
      },
      engine,
    )
  for (const what of Object.keys(SLOW))
    for (const end of Object.keys(ENDS))
      it(`a session that ${end} ends at any point of ${what} stays ended`, async (test) => {
        if (end.includes('revocation') && !store.byOwner)
          return test.skip('this store cannot find the sessions of a user')
        if (engine && end === 'a revocation by handle') return test.skip('cookies have no list of devices')
        for (let at = 0; await dies(make(), what, end, at); at++);
      })
}

onEach(ENVIRONMENTS, { title: 'a session that has ended', synced: false }, (environment, running) => {
  // Behind Sentinel the engine sends the same commands as to a single Redis.
  if (environment.name !== 'redis behind Sentinel')
    everyInterleaving((clock) => running().open({ clock }) as Promise<IndexedStore & ScannableStore>)
  hundredSessions(environment, running)
})

onEach(
  ENVIRONMENTS.filter(({ name }) => name === 'memory'),
  { title: 'a session in its cookie that has ended, with revocations in a store', synced: false },
  (_, running) => everyInterleaving((clock) => running().open({ clock }) as never, inCookies),
)

/**
 * The same without gates: the slow request runs in this process, and its session is ended from another. Half of the ends come
 * strictly during the request, the others race with its commit.
 */
function hundredSessions({ shared, staleFor = 0 }: Environment, running: () => RunningEnvironment): void {
  let [site]: Site[] = []
  let sessions: ReturnType<typeof sessionsOn>
  let store: Store
  before(async () => {
    ;[site] = await sites(running(), 1)
    store = await running().open()
    sessions = sessionsOn(store)
  })
  after(async () => {
    await site?.close()
    await store.close()
  })

  for (const end of ['/logout', '/revoke', '/renew'])
    it(`stays ended a hundred times of a hundred, when ${end} comes from ${shared === 'process' ? 'elsewhere' : 'another process'}`, async (test) => {
      if (end === '/revoke' && !store.byOwner) return test.skip('this store cannot find the sessions of a user')
      const raced = { saved: 0, gone: 0 }
      const one = async (i: number) => {
        const browser = new Browser()
        await browser.page(site as Site, `/login?user=user${i}${end}`)
        await browser.page(site as Site, '/set?key=secret')
        const old = browser.cookie
        const visit = sessions.open({ cookie: `id=${old}` })
        const session = await visit.get()
        session.set('late', 1)
        const ends = () => browser.page(site as Site, end)
        if (i % 2) await ends()
        // The commit starts earlier or later while the other request runs.
        const committing = i % 2 ? visit.commit() : wait((i / 2) % 6).then(() => visit.commit())
        const [committed] = await Promise.allSettled([committing, i % 2 ? null : ends()])
        if (committed.status === 'rejected')
          assert.ok(committed.reason instanceof SessionGoneError, String(committed.reason))
        if (i % 2) assert.equal(committed.status, 'rejected', 'a write to an ended session was acknowledged')
        else raced[committed.status === 'rejected' ? 'gone' : 'saved'] += 1
        // The old cookie opens nothing, in either process, now or later.
        const late = Object.assign(new Browser(), { cookie: old })
        assert.deepEqual(await late.page(site as Site, '/read'), { status: 200, user: null, data: {} })
        if (staleFor > 0) await wait(staleFor)
        assert.equal((await sessions.open({ cookie: `id=${old}` }).get()).isNew, true)
        if (end !== '/renew') return
        const { user, data } = await browser.page(site as Site, '/read')
        // The renewed session is live and has every acknowledged change.
        assert.deepEqual([user, data.secret], [`user${i}${end}`, 1])
        if (committed.status === 'fulfilled') assert.equal(data.late, 1)
      }
      for (let at = 0; at < 100; at += 10) await Promise.all(Array.from({ length: 10 }, (_, i) => one(at + i)))
      test.diagnostic(`of fifty that raced, ${raced.saved} were saved before the end and ${raced.gone} came after it`)
    })

  it('stays ended a hundred times of a hundred, when its deadline passes during a request', async () => {
    let now = Date.now()
    const clock = () => now
    const [one, other] = [await running().open({ clock }), await running().open({ clock })]
    const here = sessionsOn(one, { clock })
    const there = sessionsOn(other, { clock })
    for (let i = 0; i < 100; i++) {
      const first = here.open({})
      ;(await first.get()).set('secret', 1)
      const cookie = (await first.commit()).setCookie?.split(';')[0] ?? ''
      const visit = here.open({ cookie })
      ;(await visit.get()).set('late', 1)
      now += 30 * MINUTE + (i % 3)
      await assert.rejects(async () => visit.commit(), SessionGoneError)
      for (const sessions of [here, there]) assert.equal((await sessions.open({ cookie }).get()).isNew, true)
    }
    await one.close()
    if (other !== one) await other.close()
  })
}
