import type { SessionsOptions } from '../../../packages/strongroom/src/create.ts'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import type { SessionEvent } from '../../../packages/strongroom/src/events.ts'
import { createSessions, type Sessions } from '../../../packages/strongroom/src/sessions.ts'
import type { IndexedStore, ScannableStore, Store } from '../../../packages/strongroom/src/store.ts'
import { type ManualClock, manualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { Gates } from './gates.ts'
import { secret } from './ring.ts'
import { type Visitor, visitor } from './visitor.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests put what they like
export type Anything = Record<string, any>

export interface Fixture {
  readonly sessions: Sessions<Anything>
  /** The store itself, behind gates and counters. */
  readonly store: IndexedStore & ScannableStore
  readonly gates: Gates
  readonly clock: ManualClock
  readonly events: SessionEvent[]
  /** Calls that reached the store, by name, since `calls.length = 0`. */
  readonly calls: string[]
  /** Set to make store calls fail. */
  readonly fail: { when: ((call: string) => unknown) | null }
  visitor(userAgent?: string): Visitor<Anything>
}

/** Sessions on memory (or another store) with a clock that stands still, gates before every store call, and a record of all. */
export function fixture(
  options: Partial<SessionsOptions> & { on?: never; clock?: never; store?: never } = {},
  make: (clock: ManualClock) => IndexedStore & ScannableStore = (clock) => memory({ clock, max: 1000 }),
  engine: (store: IndexedStore) => IndexedStore = (store) => store,
): Fixture {
  const clock = manualClock()
  const gates = new Gates()
  const store = make(clock)
  const calls: string[] = []
  const events: SessionEvent[] = []
  const fail: Fixture['fail'] = { when: null }
  const sessions = createSessions<Anything>({
    secrets: secret('fixture'),
    ...options,
    clock,
    on: (event) => events.push(event),
    store: engine(watched(gates.around(store), calls, fail)),
  })
  return { sessions, store, gates, clock, events, calls, fail, visitor: (agent) => visitor(sessions, agent) }
}

/** Notes each call, and throws what `fail.when` answers for it. */
function watched<S extends Store>(store: S, calls: string[], fail: Fixture['fail']): S {
  const wrap =
    (name: string, method: ((...args: never[]) => unknown) | undefined) =>
    (...args: never[]) => {
      calls.push(name)
      const fault = fail.when?.(name)
      return fault ? Promise.reject(fault) : method?.(...args)
    }
  const names = ['create', 'read', 'update', 'touch', 'delete'] as const
  return {
    ...store,
    ...Object.fromEntries(names.map((name) => [name, wrap(name, store[name] as never)])),
    ...(store.byOwner && {
      byOwner: {
        list: wrap('list', store.byOwner.list),
        deleteAll: wrap('deleteAll', store.byOwner.deleteAll as never),
      },
    }),
  }
}

export const last = <T extends SessionEvent['type']>(events: readonly SessionEvent[], type: T) =>
  events.findLast((event) => event.type === type) as Extract<SessionEvent, { type: T }> | undefined
