import type { SessionsOptions } from '../../create.ts'
import { cookie } from '../../engines/cookie/cookie.ts'
import { memory } from '../../engines/memory/memory.ts'
import type { Clock, Store } from '../../store.ts'
import { type Watched, watched } from '../watched.ts'

/** A store that the suite is to run over as well, under one of the seals. */
export interface FurtherStore {
  readonly name: string
  readonly seal?: 'two-key' | 'server-key' | 'none'
  /** Makes an empty one for each test; `close` ends it and leaves nothing behind. */
  open(clock: Clock): Promise<{ readonly store: Store; close(): Promise<void> }>
}

/** Where the sessions of one test rest. */
export interface Backing {
  readonly name: string
  /** `versions`: parallel requests lose nothing. `revocable`: an ended session is refused, so there is a store to ask. */
  readonly abilities: readonly Ability[]
  open(
    clock: Clock,
  ): Promise<{ options: Pick<SessionsOptions, 'store' | 'seal'>; watch: Watched; close(): Promise<void> }>
}

export type Ability = 'versions' | 'revocable'

const stored = ({ name, seal = 'two-key', open }: FurtherStore): Backing => ({
  name: `${name}, ${seal}`,
  abilities: ['versions', 'revocable'],
  async open(clock) {
    const { store, close } = await open(clock)
    const watch = watched(store)
    return { options: { store: watch.store, seal }, watch, close }
  },
})

const inMemory = (seal: 'two-key' | 'server-key' | 'none') =>
  stored({
    name: 'memory',
    seal,
    async open(clock) {
      const store = memory({ clock, max: 1000 })
      return { store, close: () => store.close() }
    },
  })

const carried = (protection: 'sealed' | 'signed', revocable: boolean): Backing => ({
  name: `cookie, ${protection}${revocable ? ', with revocations' : ''}`,
  abilities: revocable ? ['revocable'] : [],
  async open(clock) {
    const store = memory({ clock, max: 1000 })
    const watch = watched(store)
    const engine = cookie({ protection, revocations: revocable ? watch.store : undefined })
    return { options: { store: engine }, watch, close: () => store.close() }
  },
})

/** Every kind of backing there is, and the caller's stores. */
export const backings = (further: readonly FurtherStore[]): readonly Backing[] => [
  inMemory('none'),
  inMemory('two-key'),
  inMemory('server-key'),
  carried('sealed', false),
  carried('signed', false),
  carried('sealed', true),
  ...further.map(stored),
]
