import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { SessionsOptions } from '../../packages/strongroom/src/create.ts'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { type BaseSessions, createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { type ManualClock, manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { type Watched, watched } from '../../packages/strongroom/src/testing/watched.ts'

// biome-ignore lint/suspicious/noExplicitAny: bad input is of every type
export type Anything = Record<string, any>

/** A good secret that is the same in every run: key ids are one byte, and random ones would collide now and then. */
export const secret = (name: string) => createHash('sha256').update(`bad input ${name}`).digest('base64url')

/** Stands in every session of these tests; no error and no event may repeat it. */
export const MARK = 'the-contents-of-a-session'
export const USER = 'a-user-nobody-may-read-of'

export interface World {
  readonly sessions: BaseSessions<Anything>
  readonly watch: Watched
  /** The store itself, unwatched. */
  readonly store: Store
  readonly clock: ManualClock
  readonly events: SessionEvent[]
  /** One request: its session after `work`, and what the response carries. */
  request(cookie?: string, work?: (session: Session<Anything>) => unknown): Promise<Answered>
  /** A signed-in session with data; answers its cookie, "name=value". */
  session(data?: Anything): Promise<string>
}

export interface Answered {
  readonly session: Session<Anything>
  readonly setCookie: string | null
  /** "name=value" of what was set, empty for none. */
  readonly cookie: string
}

const secrets = new Set<string>([MARK, USER])
/** Every message, stack and event; handles are public, and would make each event another. */
const told = new Set<string>()

/** Every kind of backing that a cookie can lead to. */
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
export const STORED = ['two-key', 'server-key', 'none'] as const satisfies BackingName[]

export function world(backing: BackingName, options: Omit<SessionsOptions, 'store' | 'seal' | 'clock'> = {}): World {
  const clock = manualClock()
  // Room is taken up at once, and there are hundreds of these worlds.
  const store = memory({ clock, max: 1000 })
  const watch = watched(store)
  const events: SessionEvent[] = []
  const on = (event: SessionEvent) => {
    events.push(event)
    told.add(JSON.stringify(event, (key, value) => (key === 'handle' || key === 'previous' ? '' : value)))
    if ('error' in event) told.add(event.error.message)
  }
  const sessions = createSessions<Anything>({
    secrets: secret('current'),
    clock,
    on,
    ...options,
    ...BACKINGS[backing](watch.store),
  })
  const request: World['request'] = async (cookie, work) => {
    // Requests of one turn of the event loop share their reads; these come one after the other.
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
  const session: World['session'] = async (data = { mark: MARK }) => {
    const { cookie } = await request(undefined, (session) => {
      session.login(USER, { label: 'a device' })
      for (const [key, value] of Object.entries(data)) session.set(key, value)
    })
    return cookie
  }
  return { sessions, watch, store, clock, events, request, session }
}

/** Runs what must fail, and remembers all that it said. */
export async function refusal(work: () => unknown): Promise<Error & { code?: string; key?: string; status?: number }> {
  try {
    await work()
  } catch (error) {
    assert.ok(error instanceof Error, 'what is thrown is an Error')
    told.add(error.message).add(error.stack ?? '')
    return error
  }
  assert.fail('it was not refused')
}

/** The session of a visitor of whom nothing is known. */
export function isNobody({ session, setCookie }: Answered): void {
  assert.equal(session.isNew, true)
  assert.equal(session.userId, null)
  assert.deepEqual(session.keys(), [])
  assert.equal(setCookie, null)
}

/** The ids of what rests in the store. */
export async function idsIn(store: Store): Promise<Id[]> {
  const ids: Id[] = []
  for await (const page of store.scan?.() ?? []) ids.push(...page.map(({ id }) => id))
  return ids
}

export const valueIn = (cookie: string) => cookie.slice(cookie.indexOf('=') + 1)

/** Every copy of some bytes in which one bit is another. */
export function* bitFlips(bytes: Uint8Array): Generator<Buffer> {
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const copy = Buffer.from(bytes)
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    yield copy
  }
}

after(() => {
  for (const secret of secrets)
    for (const text of told)
      assert.ok(!text.includes(secret), `an error or an event holds a secret: ${text.slice(0, 80)}`)
})
