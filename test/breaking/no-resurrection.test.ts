import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { SessionGoneError } from '../../packages/strongroom/src/errors.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import type { Clock, IndexedStore, ScannableStore, Store } from '../../packages/strongroom/src/store.ts'
import { type Anything, type Fixture, fixture } from '../core/kit/fixture.ts'
import { interrupt, settle } from '../core/kit/gates.ts'
import type { Visitor } from '../core/kit/visitor.ts'
import { Browser, type Site, sessionsOn, sites } from './kit/site.ts'
import { onEach, type Place, type World } from './kit/world.ts'
import { WORLDS } from './worlds.ts'

type S = Session<Anything>
const MINUTE = 60_000

/** What a slow request does with the session. */
const SLOW: Record<string, (session: S, user: string) => void> = {
  'a request that writes': (session) => session.set('a', 2),
  'a request that counts': (session) => session.update('n', (n = 0) => n + 1),
  'a request that clears': (session) => session.clear(),
  'a request that renews': (session) => session.renew(),
  'a request that writes and renews': (session) => session.set('a', 2).renew(),
  'a request that changes the expiry': (session) => session.setExpiry({ idle: '20m', absolute: '5h' }),
  'a request that signs in again': (session, user) => session.login(user),
  'a request that only reads, and touches': () => undefined,
}

interface Scene {
  readonly world: Fixture
  /** Nobody else's: the scenes of one store must not end each other's sessions. */
  readonly user: string
  readonly victim: Visitor<Anything>
  readonly other: Visitor<Anything>
}

/** How a session ends meanwhile: true when it was live, and so is to stay dead. */
const ENDS: Record<string, (scene: Scene, victim: Visitor<Anything>) => Promise<boolean>> = {
  'a logout': (_, victim) =>
    victim.visit((session) => {
      session.logout()
      return session.isNew === false
    }),
  'a revocation of all': async ({ world, user }) => {
    await world.sessions.of(user).revokeAll()
    return true
  },
  'a revocation from another device': async ({ world, user, other }) => {
    await other.visit((session) => world.sessions.of(user).revokeOthers(session))
    return true
  },
  'a revocation by handle': async ({ world, user }) => {
    const [device] = (await world.sessions.of(user).list()).filter(({ label }) => label === 'victim')
    return device ? world.sessions.of(user).revoke(device.handle) : false
  },
  'its idle time': async ({ world }) => {
    world.clock.advance(31 * MINUTE)
    return true
  },
  'its absolute deadline': async ({ world }) => {
    world.clock.advance(13 * 60 * MINUTE)
    return true
  },
}

let scenes = 0

/** A victim and another device, both signed in; the victim is due for a touch. */
async function scene(world: Fixture): Promise<Scene> {
  const user = `ada ${++scenes}`
  const [victim, other] = [world.visitor(), world.visitor()]
  await other.visit((session) => session.login(user, { label: 'other', remember: true }))
  await victim.visit((session) => session.set('secret', 1).set('n', 1).login(user, { label: 'victim' }))
  world.clock.advance(4 * MINUTE)
  await settle()
  return { world, user, victim, other }
}

async function isDead(world: Fixture, ...cookies: (string | null)[]) {
  await settle()
  for (const cookie of cookies) {
    const thief = world.visitor()
    thief.cookie = cookie
    // A visitor's own new session is none of the dead one's.
    assert.deepEqual(await thief.visit((session) => [session.userId, session.has('secret')]), [null, false])
  }
}

/** One end at one point of one slow request; false when the request has no such point. */
async function dies(world: Fixture, what: string, end: string, at: number): Promise<boolean> {
  const here = await scene(world)
  const [before, late] = [here.victim.cookie, here.victim.copy()]
  let told = false
  const request = async () => {
    const begun = late.begin()
    SLOW[what]?.(await begun.session(), here.user)
    await begun.respond()
  }
  const sudden = async () => {
    told = (await ENDS[end]?.(here, here.victim.copy())) === true
  }
  const { reached, result } = await interrupt(world.gates, request, sudden, at)
  if (!reached) return false
  // A session that was signed in to again, or renewed, before its end is the one that ended.
  const renewed = late.cookie !== null && late.cookie !== before
  await isDead(world, before)
  const fresh = what.includes('signs in') && result.status === 'fulfilled'
  if (told && !fresh) await isDead(world, before, late.cookie)
  if (result.status === 'rejected') {
    assert.ok(result.reason instanceof SessionGoneError, String(result.reason))
    assert.equal(renewed, false, 'who is told that the session is gone gets no cookie')
  }
  return true
}

type Engine = (store: IndexedStore) => IndexedStore
const inCookies: Engine = (store) => cookie({ revocations: store }) as never

/** Every end at every point of every slow request, in an order that the test decides. */
function everyInterleaving(open: (clock: Clock) => Promise<IndexedStore & ScannableStore>, engine?: Engine): void {
  // One store for all scenes, on the clock of the scene that is played.
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
      it(`dead is a session that ${end} ended at any point of ${what}`, async (test) => {
        if (end.includes('revocation') && !store.byOwner)
          return test.skip('this store cannot find the sessions of a user')
        if (engine && end === 'a revocation by handle') return test.skip('cookies have no list of devices')
        for (let at = 0; await dies(make(), what, end, at); at++);
      })
}

onEach(WORLDS, { title: 'a session stays dead', synced: false }, (world, place) => {
  // Behind Sentinel the same is asked of one server, and in the same words, as where there is no other.
  if (world.name !== 'redis behind Sentinel')
    everyInterleaving((clock) => place().open({ clock }) as Promise<IndexedStore & ScannableStore>)
  hundredTimes(world, place)
})

onEach(
  WORLDS.filter(({ name }) => name === 'memory'),
  { title: 'a session that its cookie carries stays dead, with revocations in a store', synced: false },
  (_, place) => everyInterleaving((clock) => place().open({ clock }) as never, inCookies),
)

/**
 * The same as it happens by itself: the slow request is in this process, and what ends its session in another. Half of the
 * ends come strictly in the middle, the others race with the answer.
 */
function hundredTimes({ shared, staleFor = 0 }: World, place: () => Place): void {
  let [site]: Site[] = []
  let sessions: ReturnType<typeof sessionsOn>
  let store: Store
  before(async () => {
    ;[site] = await sites(place(), 1)
    store = await place().open()
    sessions = sessionsOn(store)
  })
  after(async () => {
    await site?.close()
    await store.close()
  })

  for (const end of ['/logout', '/revoke', '/renew'])
    it(`a hundred of a hundred sessions, when ${end} comes from ${shared === 'process' ? 'elsewhere' : 'another process'}`, async (test) => {
      if (end === '/revoke' && !store.byOwner) return test.skip('this store cannot find the sessions of a user')
      const raced = { kept: 0, gone: 0 }
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
        // The answer leaves earlier or later in the time that the other needs.
        const answered = i % 2 ? visit.commit() : wait((i / 2) % 6).then(() => visit.commit())
        const [answer] = await Promise.allSettled([answered, i % 2 ? null : ends()])
        if (answer.status === 'rejected') assert.ok(answer.reason instanceof SessionGoneError, String(answer.reason))
        if (i % 2) assert.equal(answer.status, 'rejected', 'a write over a dead session was acknowledged')
        else raced[answer.status === 'rejected' ? 'gone' : 'kept'] += 1
        // Whoever comes with the old cookie is nobody, here and there, now and later.
        const late = Object.assign(new Browser(), { cookie: old })
        assert.deepEqual(await late.page(site as Site, '/read'), { status: 200, user: null, data: {} })
        if (staleFor > 0) await wait(staleFor)
        assert.equal((await sessions.open({ cookie: `id=${old}` }).get()).isNew, true)
        if (end !== '/renew') return
        const { user, data } = await browser.page(site as Site, '/read')
        // The successor lives, and has taken along what was acknowledged.
        assert.deepEqual([user, data.secret], [`user${i}${end}`, 1])
        if (answer.status === 'fulfilled') assert.equal(data.late, 1)
      }
      for (let at = 0; at < 100; at += 10) await Promise.all(Array.from({ length: 10 }, (_, i) => one(at + i)))
      test.diagnostic(`of fifty that raced, ${raced.kept} answered before the end and ${raced.gone} after it`)
    })

  it('a hundred of a hundred sessions, when their deadline passes in the middle', async () => {
    let now = Date.now()
    const clock = () => now
    const [one, other] = [await place().open({ clock }), await place().open({ clock })]
    const here = sessionsOn(one, { clock })
    const there = sessionsOn(other, { clock })
    for (let i = 0; i < 100; i++) {
      const begun = here.open({})
      ;(await begun.get()).set('secret', 1)
      const cookie = (await begun.commit()).setCookie?.split(';')[0] ?? ''
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
