import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { type BaseSessions, createSessions } from '../../packages/strongroom/src/sessions.ts'
import { isSession, type Store } from '../../packages/strongroom/src/store.ts'
import { type ManualClock, manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { type Watched, watched } from '../../packages/strongroom/src/testing/watched.ts'
import { untimed } from '../core/fixtures/fixture.ts'

// biome-ignore lint/suspicious/noExplicitAny: bad input is of every type
export type Anything = Record<string, any>

/** A good secret that is the same in every run. Key ids are one byte, so those of random secrets would collide now and then. */
export const secret = (name: string) => createHash('sha256').update(`bad input ${name}`).digest('base64url')

/** Is in every session of these tests. No error and no event may contain it. */
export const MARK = 'the-contents-of-a-session'
export const USER = 'a-user-nobody-may-read-of'

export interface Fixture {
  readonly sessions: BaseSessions<Anything>
  readonly watch: Watched
  /** The store itself, unwatched. */
  readonly store: Store
  readonly clock: ManualClock
  readonly events: SessionEvent[]
  /** Makes one request. Resolves to its session after `work`, and to the cookie of the response. */
  request(cookie?: string, work?: (session: Session<Anything>) => unknown): Promise<Result>
  /** Creates a logged-in session with data. Resolves to its cookie, "name=value". */
  session(data?: Anything): Promise<string>
}

export interface Result {
  readonly session: Session<Anything>
  readonly setCookie: string | null
  /** "name=value" of the cookie that was set, or empty. */
  readonly cookie: string
}

const secrets = new Set<string>([MARK, USER])
/** Every message, stack and event. Handles are left out: they are public, and would make every event different. */
const reported = new Set<string>()

/** Every kind of backing. */
export const BACKINGS = {
  'two-key': (store: Store) => ({ store, seal: 'two-key' }),
  'server-key': (store: Store) => ({ store, seal: 'server-key' }),
  none: (store: Store) => ({ store, seal: 'none' }),
  'sealed cookie': () => ({ store: cookie() }),
  'signed cookie': () => ({ store: cookie({ protection: 'signed' }) }),
  'revocable cookie': (store: Store) => ({ store: cookie({ revocations: store }) }),
} as const satisfies Record<string, (store: Store) => Pick<SessionsOptions, 'store' | 'seal'>>

export type BackingName = keyof typeof BACKINGS
export const ALL = Object.keys(BACKINGS) as BackingName[]
export const SERVER_SIDE = ['two-key', 'server-key', 'none'] as const satisfies BackingName[]

export function fixture(
  backing: BackingName,
  options: Omit<SessionsOptions, 'store' | 'seal' | 'clock'> = {},
): Fixture {
  const clock = manualClock()
  // A small limit, because there are hundreds of these stores and each reserves its memory immediately.
  const store = memory({ clock, max: 1000 })
  const watch = watched(store)
  const events: SessionEvent[] = []
  const on = (given: SessionEvent) => {
    const event = untimed(given)
    events.push(event)
    reported.add(JSON.stringify(event, (key, value) => (key === 'handle' || key === 'previous' ? '' : value)))
    if ('error' in event) reported.add(event.error.message)
  }
  const sessions = createSessions<Anything>({
    secrets: secret('current'),
    clock,
    on,
    ...options,
    ...BACKINGS[backing](watch.store),
  })
  const request: Fixture['request'] = async (cookie, work) => {
    // Requests in the same turn of the event loop share their reads. These requests come one after the other.
    await setImmediate()
    const visit = sessions.open(cookie === undefined ? {} : { cookie })
    const session = await visit.get()
    await work?.(session)
    const { setCookie } = await visit.commit()
    const made = setCookie === null ? '' : setCookie.slice(0, setCookie.indexOf(';'))
    if (made !== '') secrets.add(made.slice(made.indexOf('=') + 1) || MARK)
    for (const id of watch.ids) secrets.add(id)
    return { session, setCookie, cookie: made }
  }
  const session: Fixture['session'] = async (data = { mark: MARK }) => {
    const { cookie } = await request(undefined, (session) => {
      session.login(USER, { label: 'a device' })
      for (const [key, value] of Object.entries(data)) session.set(key, value)
    })
    return cookie
  }
  return { sessions, watch, store, clock, events, request, session }
}

/** Runs what must fail. Resolves to the error, whose text is searched for secrets at the end. */
export async function refusal(work: () => unknown): Promise<Error & { code?: string; key?: string; status?: number }> {
  try {
    await work()
  } catch (error) {
    assert.ok(error instanceof Error, 'an Error must be thrown')
    reported.add(error.message).add(error.stack ?? '')
    return error
  }
  assert.fail('nothing was thrown')
}

/** Asserts that the session is new and empty, and that no cookie was set. */
export function isAnonymous({ session, setCookie }: Result): void {
  assert.equal(session.isNew, true)
  assert.equal(session.userId, null)
  assert.deepEqual(session.keys(), [])
  assert.equal(setCookie, null)
}

/** The ids of all entries in the store. */
export async function idsIn(store: Store): Promise<Id[]> {
  const ids: Id[] = []
  // The library's own entries beside the sessions are not theirs.
  for await (const page of store.scan?.() ?? []) ids.push(...page.filter(isSession).map(({ id }) => id))
  return ids
}

export const valueIn = (cookie: string) => cookie.slice(cookie.indexOf('=') + 1)

/** Copies of the bytes, in each of which another bit is flipped. */
export function* bitFlips(bytes: Uint8Array): Generator<Buffer> {
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const copy = Buffer.from(bytes)
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    yield copy
  }
}

after(() => {
  for (const secret of secrets)
    for (const text of reported)
      assert.ok(!text.includes(secret), `an error or an event contains a secret: ${text.slice(0, 80)}`)
})
