import { cookie } from '../../engines/cookie/cookie.ts'
import { memory } from '../../engines/memory/memory.ts'
import type { SessionsOptions } from '../../options.ts'
import type { Clock, Store } from '../../store.ts'
import { type Watched, watched } from '../watched.ts'

/** A store to run the suite over in addition to its own, under one of the seals. */
export interface AdditionalStore {
  readonly name: string
  readonly seal?: 'two-key' | 'server-key' | 'none'
  /** Opens an empty store. Called once for each test. `close` closes it and leaves nothing behind. */
  open(clock: Clock): Promise<{ readonly store: Store; close(): Promise<void> }>
}

/** Where the sessions of a test are stored. */
export interface Backing {
  readonly name: string
  /** What it can do, and not every backing. */
  readonly abilities: readonly BackingAbility[]
  open(
    clock: Clock,
  ): Promise<{ options: Pick<SessionsOptions, 'store' | 'seal'>; watch: Watched; close(): Promise<void> }>
}

/** `versions`: concurrent requests lose nothing. `revocable`: an ended session is refused, because a store is asked. */
export type BackingAbility = 'versions' | 'revocable'
/** `csrf`: the adapter has a check for forged requests. */
export type Ability = BackingAbility | 'csrf'

const serverSide = ({ name, seal = 'two-key', open }: AdditionalStore): Backing => ({
  name: `${name}, ${seal}`,
  abilities: ['versions', 'revocable'],
  async open(clock) {
    const { store, close } = await open(clock)
    const watch = watched(store)
    return { options: { store: watch.store, seal }, watch, close }
  },
})

const inMemory = (seal: 'two-key' | 'server-key' | 'none') =>
  serverSide({
    name: 'memory',
    seal,
    async open(clock) {
      const store = memory({ clock, max: 1000 })
      return { store, close: () => store.close() }
    },
  })

const inCookie = (protection: 'sealed' | 'signed', revocable: boolean): Backing => ({
  name: `cookie, ${protection}${revocable ? ', with revocations' : ''}`,
  abilities: revocable ? ['revocable'] : [],
  async open(clock) {
    const store = memory({ clock, max: 1000 })
    const watch = watched(store)
    const engine = cookie({ protection, revocations: revocable ? watch.store : undefined })
    return { options: { store: engine }, watch, close: () => store.close() }
  },
})

/** Every kind of backing, and the stores of the caller. */
export const backings = (additional: readonly AdditionalStore[]): readonly Backing[] => [
  inMemory('none'),
  inMemory('two-key'),
  inMemory('server-key'),
  inCookie('sealed', false),
  inCookie('signed', false),
  inCookie('sealed', true),
  ...additional.map(serverSide),
]
