import { AsyncLocalStorage } from 'node:async_hooks'
import type { Entry, Listing, Store } from '../../../packages/strongroom/src/store.ts'
import { listed } from '../../../packages/strongroom/src/testing/store/expect.ts'

/** What an operation looks at and what it changes: entries, and everything that is found by one owner. */
export interface Access {
  readonly reads: readonly string[]
  readonly writes: readonly string[]
}

/** An operation of an actor that waits to be released. */
export interface HeldOperation {
  readonly actor: string
  /** The same in every run that makes the same choices: `O.3` is the fourth operation of actor O. */
  readonly key: string
  readonly name: string
  /** The entry or the owner. */
  readonly on: string
  /** Is it part of an end (a logout, a revocation)? */
  readonly ends: boolean
  /** Is it the one with which a login begins? */
  readonly begins: boolean
  access(): Access
  /** Lets it run. Resolves when it has, and its result has been returned. */
  release(): Promise<void>
}

/** What an actor is doing. The gates note in it when its operations ran. */
export interface Act {
  readonly ends: boolean
  /** Set when `login()` is called. */
  isLogin: boolean
  /** Steps of the schedule. A login begins when the store has been asked for the user's epoch. */
  first: number | null
  last: number | null
  begin: number | null
}

export async function* inOnePage(list: () => Promise<readonly Listing[]>): AsyncGenerator<readonly Listing[]> {
  yield await list()
}

const FREE: Access = { reads: [], writes: [] }
type Call = (...args: never[]) => Promise<unknown>

/**
 * Holds every operation of the actors until the scheduler releases it. An operation runs when it is released. With `answers`
 * its result is held, too: what runs between a store's reply and its arrival matters to what one node remembers.
 */
export class Gates {
  readonly held: HeldOperation[] = []
  /** Releases of this schedule so far. */
  step = 0
  /** The ids of the users' epochs. */
  epochs: readonly string[] = []
  readonly #actor = new AsyncLocalStorage<string>()
  readonly #acts = new Map<string, Act>()
  readonly #counts = new Map<string, number>()
  /** Logins that have asked for the epoch. The same request may ask for it again, and be answered sooner. */
  readonly #begun = new Set<Act>()
  /** Owners that an entry has had. It may lose its owner, and what was found by it changes then. */
  readonly #owners = new Map<string, Set<string>>()
  readonly #answers: boolean
  #isOpen = false

  constructor({ answers = false } = {}) {
    this.#answers = answers
  }

  run<T>(actor: string, work: () => Promise<T>): Promise<T> {
    return this.#actor.run(actor, work)
  }

  begin(actor: string, act: Act): void {
    this.#acts.set(actor, act)
  }

  /** Lets everything run that still waits. */
  async open(): Promise<void> {
    this.#isOpen = true
    await Promise.all([...this.held].map((operation) => operation.release()))
  }

  /** Several stores of one schedule, such as a store and its cache, need a `space` each. There is no `readSync`. */
  around<S extends Store>(store: S, space = ''): S {
    const one = (name: string, method: Call, writes: boolean) => {
      const gated = (id: string, ...rest: never[]) =>
        this.hold(
          space + name,
          id,
          () => this.#entry(space + id, writes),
          () => method(id as never, ...rest),
        )
      return gated
    }
    const { byOwner } = store
    const written = (name: 'create' | 'update') => (id: never, entry: Entry, version: never) => {
      this.#note(space + id, entry.owner)
      return one(name, store[name].bind(store) as Call, true)(id, entry as never, version)
    }
    return {
      traits: store.traits,
      clearExpired: store.clearExpired.bind(store),
      close: store.close.bind(store),
      read: one('read', store.read.bind(store) as Call, false),
      create: written('create'),
      update: written('update'),
      touch: one('touch', store.touch.bind(store) as Call, true),
      delete: one('delete', store.delete.bind(store) as Call, true),
      ...(byOwner && {
        byOwner: {
          // All pages in one step: none of the lists of a schedule is longer than one.
          list: (owner: string) =>
            inOnePage(() =>
              this.hold(
                `${space}list`,
                owner,
                () => ({ reads: [`${space}of ${owner}`], writes: [] }),
                () => listed(byOwner, owner),
              ),
            ),
          deleteAll: (owner: string, except: never) =>
            this.hold(
              `${space}deleteAll`,
              owner,
              () => this.#all(space, owner),
              () => byOwner.deleteAll(owner, except),
            ),
        },
      }),
    } as unknown as S
  }

  /** Holds one operation of the actor that is running; outside an actor it passes. */
  hold<T>(name: string, on: string, access: () => Access, make: () => Promise<T>): Promise<T> {
    const actor = this.#actor.getStore()
    if (actor === undefined || this.#isOpen) return make()
    return this.#wait({ actor, name, on, access }, make)
  }

  #wait<T>(what: Pick<HeldOperation, 'actor' | 'name' | 'on' | 'access'>, make: () => Promise<T>): Promise<T> {
    const { actor } = what
    const act = this.#acts.get(actor)
    const count = this.#counts.get(actor) ?? 0
    const begins = act?.isLogin === true && !this.#begun.has(act) && this.#isOfEpoch(what)
    if (begins) this.#begun.add(act)
    this.#counts.set(actor, count + 1)
    return new Promise<T>((resolve, reject) => {
      const held: HeldOperation = {
        ...what,
        key: `${actor}.${count}`,
        ends: act?.ends ?? false,
        begins,
        release: async () => {
          this.held.splice(this.held.indexOf(held), 1)
          if (act) this.#count(act, begins)
          await make().then(
            (value) => this.#answer(held, act, () => resolve(value)),
            (error) => this.#answer(held, act, () => reject(error)),
          )
        },
      }
      this.held.push(held)
    })
  }

  #count(act: Act, begins: boolean): void {
    act.first ??= this.step
    act.last = this.step
    if (begins) act.begin = this.step
  }

  /** What a cache says of it is not believed: nothing is known until the store itself has answered. */
  #isOfEpoch({ name, on }: Pick<HeldOperation, 'name' | 'on'>): boolean {
    return !name.startsWith('cache ') && this.epochs.some((id) => on.includes(id))
  }

  /** The arrival of a result changes only what its own node remembers; all nodes are one here. */
  #answer(operation: HeldOperation, act: Act | undefined, deliver: () => void): void {
    if (!this.#answers || this.#isOpen) {
      deliver()
      return
    }
    const release = async () => {
      this.held.splice(this.held.indexOf(answer), 1)
      if (act) act.last = this.step
      deliver()
    }
    const access = () => ({ reads: [], writes: ['memory of the node'] })
    const answer = {
      ...operation,
      key: `${operation.key} answer`,
      name: `answer of ${operation.name}`,
      access,
      release,
    }
    this.held.push(answer)
  }

  #note(id: string, owner: string | null): void {
    if (owner === null) return
    const owners = this.#owners.get(id)
    if (owners) owners.add(owner)
    else this.#owners.set(id, new Set([owner]))
  }

  #entry(id: string, writes: boolean): Access {
    if (!writes) return { ...FREE, reads: [id] }
    const space = id.slice(0, -64)
    const owners = [...(this.#owners.get(id) ?? [])].map((owner) => `${space}of ${owner}`)
    return { ...FREE, writes: [id, ...owners] }
  }

  #all(space: string, owner: string): Access {
    const ids = [...this.#owners].filter(([id, owners]) => id.startsWith(space) && owners.has(owner))
    return { ...FREE, writes: [`${space}of ${owner}`, ...ids.map(([id]) => id)] }
  }
}
