import type { LiveKeyring } from '../crypto/keyring.ts'
import { StoreError } from '../errors.ts'
import type { Clock, Entry, Found, Store } from '../store.ts'
import { isCount, jsonIn, KEYS, MARGIN, ownId } from './own-entries.ts'

export interface KeyRegistryOptions {
  readonly store: Pick<Store, 'read' | 'create' | 'update'>
  readonly ring: LiveKeyring
  readonly namespace: string
  readonly clock: Clock
}

/** Longer than is needed, so that not every login has to write. */
const ONE_DAY = 86_400_000
/** How long a process believes what it has read, in ms: the register may be cleared while it runs. */
const BELIEVED = 60_000

/**
 * The key ids under which users may have sessions. A server that lacks one of these secrets cannot find the sessions under it: it
 * must say so, instead of reporting that it has ended all.
 */
export class KeyRegistry {
  readonly #options: KeyRegistryOptions
  /** Until when each key id is registered, as far as this process knows, and since when it knows. */
  readonly #known = new Map<number, { readonly until: number; readonly at: number }>()

  constructor(options: KeyRegistryOptions) {
    this.#options = options
  }

  /**
   * Before a user's session is stored that begins under this key and ends at `deadline`. Asks the store at most once a minute, unless
   * the deadline is later than what is registered, and writes about once a day.
   */
  register(kid: number, deadline: number): Promise<void> | undefined {
    const until = deadline + MARGIN
    const known = this.#known.get(kid)
    const isKnown = known && known.until >= until && Math.abs(this.#options.clock() - known.at) < BELIEVED
    return isKnown ? undefined : this.#register(kid, until)
  }

  /**
   * Rejects with `StoreError` if there may be sessions under a secret that is missing here. Asks the provider of secrets first.
   * `undone` says what was not done, for the message.
   */
  async assertComplete(undone = 'nothing was ended'): Promise<void> {
    const missing = async () => {
      const [registered] = await this.#read()
      const { ring, clock } = this.#options
      return [...registered].filter(([kid, until]) => clock() < until && ring.get(kid) === undefined)
    }
    let found = await missing()
    if (found.length > 0 && (await this.#options.ring.refresh())) found = await missing()
    const [first] = found
    if (!first) return
    const [kid, until] = first
    throw new StoreError(
      `This server lacks the secret with key id ${kid}, and there may be sessions under it until ${new Date(until).toISOString()}: ${undone}. Add the secret, or, if it was removed for good, run \`npx @strongroom/cli keys forget ${kid}\`. An application with other secrets needs a namespace of its own in the same store.`,
    )
  }

  /** Resolves to how many there were. */
  async forget(which: (kid: number) => boolean): Promise<number> {
    this.#known.clear()
    for (;;) {
      const [registered, found] = await this.#read()
      const kept = new Map([...registered].filter(([kid]) => !which(kid)))
      if (kept.size === registered.size || (await this.#write(kept, found))) return registered.size - kept.size
    }
  }

  async #register(kid: number, until: number): Promise<void> {
    for (;;) {
      const at = this.#options.clock()
      const [registered, found] = await this.#read()
      const before = registered.get(kid) ?? 0
      const isEnough = before >= until
      if (!isEnough) registered.set(kid, until + ONE_DAY)
      if (!isEnough && !(await this.#write(registered, found))) continue
      this.#known.set(kid, { until: registered.get(kid) ?? until, at })
      return
    }
  }

  async #read(): Promise<[Map<number, number>, Found | null]> {
    const found = await this.#options.store.read(this.#id, { fresh: true })
    return [new Map(found ? jsonIn(found, isRegister) : []), found]
  }

  async #write(registered: ReadonlyMap<number, number>, found: Found | null): Promise<boolean> {
    const { store, clock } = this.#options
    const live = [...registered].filter(([, until]) => clock() < until)
    const entry: Entry = {
      bytes: Buffer.from(JSON.stringify(live)),
      expiresAt: Math.max(clock() + MARGIN, ...live.map(([, until]) => until)),
      owner: null,
      label: KEYS,
      createdAt: clock(),
    }
    return found ? (await store.update(this.#id, entry, found.version)) !== null : store.create(this.#id, entry)
  }

  get #id() {
    return ownId('keys', this.#options.namespace)
  }
}

/** The last moment that a Date can hold. */
const LATEST = 8.64e15

const isRegister = (value: unknown): value is [kid: number, until: number][] =>
  Array.isArray(value) &&
  value.every((one) => Array.isArray(one) && isCount(one[0]) && isCount(one[1]) && one[1] <= LATEST)
