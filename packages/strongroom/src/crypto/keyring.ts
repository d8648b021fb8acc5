import { createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'
import { insteadOf } from '../base/check.ts'
import { isPast, momentIn } from '../base/retry.ts'
import { within } from '../base/time-limit.ts'
import { ConfigError, StoreError, StrongroomError } from '../errors.ts'

/** The keys that are derived from one secret; the secret itself is never used as a key. */
export interface Master {
  /** Key id, 0 to 255, derived from the secret: it says which master made something, and nothing else. */
  readonly kid: number
  /** For ids of sessions. */
  readonly id: KeyObject
  /** For the tags of cookies. */
  readonly tag: KeyObject
  /** For tokens that are computed instead of drawn. */
  readonly computed: KeyObject
  readonly seal: KeyObject
  readonly owner: KeyObject
  readonly label: KeyObject
  readonly cookie: KeyObject
  /** For credential stamps. */
  readonly stamp: KeyObject
  /** For the application's own signed cookies. */
  readonly value: KeyObject
  /** For copies in caches. */
  readonly copy: KeyObject
  /** For CSRF tokens. */
  readonly csrf: KeyObject
}

/** The masters of an application: the current one makes what is new, the retired ones only open what they made. */
export interface Keyring {
  readonly current: Master
  readonly masters: readonly Master[]
  /** The master of this key id, or undefined: then what names it is not ours, or was made under a secret that we do not have. */
  get(kid: number): Master | undefined
}

/**
 * Secrets as strings of at least 32 bytes (`npx @strongroom/cli keys new` prints a good one) or as 32 or more random bytes. The
 * first is current. One string may contain several, separated by commas or white space, as an environment variable does.
 */
export type Secrets = string | Uint8Array | readonly (string | Uint8Array)[]

/** What a variable that is not set becomes in a template string, or in a shell. */
const UNSET: readonly string[] = ['undefined', 'null']

const PLACEHOLDER = /change.?me|secret|password|passw0rd|keyboard.?cat|example|default|insert.?here|qwerty/i

/**
 * Derives the ring. A secret that is in the ring `before` keeps its master, so that what is compared by identity is the same after a
 * reload. Throws `ConfigError` if a secret is short, guessable, or there twice.
 */
export function createKeyring(secrets: Secrets, before: Keyring | null = null): Keyring {
  const given = typeof secrets === 'string' ? secrets.split(/[\s,]+/).filter(Boolean) : secrets
  const list = given instanceof Uint8Array ? [given] : given
  if (!Array.isArray(list))
    throw new ConfigError(`secrets must be a string, bytes, or an array of these.${insteadOf(list)} ${REMEDY}`)
  if (list.length === 0)
    throw new ConfigError(`secrets is empty. If it comes from an environment variable, that is empty, too. ${REMEDY}`)
  const masters = list.map((secret, i) => {
    if (UNSET.includes(secret as string)) throw new ConfigError(unset(secret as string))
    const master = deriveMaster(secretBytes(secret, i, list.length))
    const same = before?.get(master.kid)
    return same?.seal.equals(master.seal) ? same : master
  })
  const byKid = new Map<number, Master>()
  masters.forEach((master, i) => {
    const other = byKid.get(master.kid)
    // Two masters under one key id would make "which key made this?" a guess, and trial decryption is an oracle.
    if (other) throw new ConfigError(collision(masters.indexOf(other), i, other.seal.equals(master.seal)))
    byKid.set(master.kid, master)
  })
  const current = masters[0] as Master
  return { current, masters, get: (kid) => byKid.get(kid) }
}

/** The secrets, or a function that fetches them, for example from a vault, and may be called again. */
export type SecretSource = Secrets | (() => Secrets | Promise<Secrets>)

/** A ring whose masters can be replaced while sessions are served. */
export interface LiveKeyring extends Keyring {
  /** False while the provider has not answered for the first time. Then everything else of the ring throws. */
  readonly hasKeys: boolean
  /**
   * Resolves when there are keys. Rejects with `StoreError` when the provider fails; the next call asks it again. The same when it
   * is late, and immediately while it has been late and has not answered since.
   */
  ready(): Promise<void> | undefined
  /** Asks the provider again, or sets the secrets that are passed. What was sealed under removed secrets can no longer be opened. */
  reload(secrets?: Secrets): Promise<void>
  /**
   * Fetches the secrets again, at most once in half a minute; a call that is pending is shared. True if there are new answers of
   * the provider; false after its time limit.
   */
  refresh(): Promise<boolean>
  /** Calls the listener whenever the masters were replaced. */
  onReplaced(listener: () => void): void
}

const REFRESH = 30_000

/** `timeout` is the time limit of a call to the provider, in ms. A later answer still counts, but nobody waits for it. */
export function createLiveKeyring(source: SecretSource, timeout = 2_000): LiveKeyring {
  const provider = typeof source === 'function' ? source : null
  let ring = typeof source === 'function' ? null : createKeyring(source)
  let loading: Promise<void> | undefined
  let [asked, taken] = [0, 0]
  const listeners: (() => void)[] = []
  let askedAt = Number.NEGATIVE_INFINITY
  /** While there are no keys: the error of a call that is late, and the moment to make another one. */
  let late: { readonly error: StoreError; readonly askAgainAt: number } | null = null

  /** Sets what is fetched, unless secrets that were asked for later have arrived already. */
  async function take(fetch: () => Secrets | Promise<Secrets>): Promise<void> {
    const turn = ++asked
    let secrets: Secrets
    try {
      secrets = await fetch()
    } catch (cause) {
      throw cause instanceof StrongroomError
        ? cause
        : new StoreError('The function that fetches the secrets failed. What it threw is the cause.', { cause })
    } finally {
      late = null
    }
    const fetched = createKeyring(secrets, ring)
    if (turn <= taken) return
    ;[ring, taken] = [fetched, turn]
    for (const listener of listeners) listener()
  }

  function tooLate(): StoreError {
    const error = new StoreError(
      `The provider of secrets did not answer within ${timeout} ms. Check that what it calls runs and can be reached.`,
    )
    late = { error, askAgainAt: momentIn(timeout) }
    return error
  }

  function ask(from: () => Secrets | Promise<Secrets>): Promise<void> {
    askedAt = performance.now()
    const load = within(timeout, () => take(from), tooLate).finally(() => {
      if (loading === load) loading = undefined
    })
    loading = load
    return load
  }

  const keys = () => {
    if (ring) return ring
    throw new ConfigError('The secrets are still being fetched. Await sessions.ready() before the first request.')
  }
  return {
    ready() {
      if (ring || !provider) return undefined
      if (!late) return loading ?? ask(provider)
      // Or every request would wait for the whole time limit. The provider is asked again, and one of the next requests finds
      // its answer.
      if (!loading && isPast(late.askAgainAt)) ask(provider).catch(() => undefined)
      return Promise.reject(late.error)
    },
    async reload(secrets) {
      if (secrets !== undefined) return take(() => secrets)
      // Never shared with a call that is pending: it may have begun before the secrets were changed.
      if (provider) return ask(provider)
      throw new ConfigError(
        'reloadSecrets() needs the new secrets as an argument, because the old ones were passed as values, not as a function.',
      )
    },
    async refresh() {
      if (!provider || (!loading && performance.now() - askedAt < REFRESH)) return false
      // A failing provider must not fail a request that only carries a foreign cookie.
      return (loading ?? ask(provider)).then(
        () => true,
        () => false,
      )
    },
    onReplaced(listener) {
      listeners.push(listener)
    },
    get hasKeys() {
      return ring !== null
    },
    get current() {
      return keys().current
    },
    get masters() {
      return keys().masters
    },
    get: (kid) => keys().get(kid),
  }
}

/** Are these the secrets that the ring was made of, in this order? False for what cannot be secrets. */
export function isRing({ masters }: Keyring, secrets: string): boolean {
  try {
    const other = createKeyring(secrets).masters
    return masters.length === other.length && masters.every(({ seal }, i) => other[i]?.seal.equals(seal))
  } catch {
    return false
  }
}

const REMEDY = 'Make one with `npx @strongroom/cli keys new`, keep it out of the source code, and pass it as `secrets`.'

const collision = (first: number, second: number, same: boolean) =>
  same
    ? `Secrets ${first + 1} and ${second + 1} are the same. Remove one of them.`
    : `Secrets ${first + 1} and ${second + 1} happen to have the same key id. Replace the newer one with another from \`npx @strongroom/cli keys new\`.`

const unset = (word: string) =>
  `A secret is the word "${word}": the variable that it comes from is not set, and was made into a string. ${REMEDY}`

/** `index` from 0, of `count` secrets. */
function secretBytes(secret: string | Uint8Array, index: number, count: number): Buffer {
  const which = `Secret ${index + 1}`
  if (typeof secret !== 'string' && !(secret instanceof Uint8Array))
    throw new ConfigError(`${which} is neither a string nor bytes. ${REMEDY}`)
  const bytes = typeof secret === 'string' ? Buffer.from(secret, 'utf8') : Buffer.from(secret)
  const parted = count > 1 ? ' (Within one string, white space and commas separate secrets.)' : ''
  if (bytes.length < 32)
    throw new ConfigError(`${which} has ${bytes.length} bytes; at least 32 are needed.${parted} ${REMEDY}`)
  if (guessBits(bytes) < 100 || (typeof secret === 'string' && PLACEHOLDER.test(secret)))
    throw new ConfigError(
      `${which} looks guessable: it repeats itself, follows a pattern, or is a placeholder. ${REMEDY}`,
    )
  return bytes
}

/**
 * A generous estimate of how hard a secret is to guess, in bits: the entropy of its characters or of the steps between them,
 * whichever is less. It cannot prove randomness; it catches "aaaa…", "abcd…", "0123…" and pasted repetitions.
 */
function guessBits(bytes: Uint8Array): number {
  const steps = bytes.map((byte, i) => byte - (bytes[i - 1] ?? 0))
  return Math.min(shannon(bytes), shannon(steps)) * withoutRepeats(bytes)
}

function shannon(values: Uint8Array): number {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / values.length) * Math.log2(count / values.length)
  return bits
}

/** The length without every run of four bytes that occurred before. */
function withoutRepeats(bytes: Uint8Array): number {
  const seen = new Set<string>()
  let fresh = 0
  for (let i = 0; i < bytes.length; i++) {
    const run = Buffer.from(bytes.subarray(i, i + 4)).toString('latin1')
    if (run.length < 4 || !seen.has(run)) fresh++
    seen.add(run)
  }
  return fresh
}

function deriveMaster(secret: Buffer): Master {
  const derive = (use: string, length = 32) =>
    Buffer.from(hkdfSync('sha256', secret, SALT, `strongroom 1 ${use}`, length))
  // KeyObjects, made once: Node 24 needs 8 µs more for every call with raw bytes.
  const key = (use: string) => createSecretKey(derive(use))
  return {
    kid: derive('kid', 1)[0] as number,
    id: key('id'),
    tag: key('tag'),
    computed: key('computed token'),
    seal: key('seal'),
    owner: key('owner'),
    label: key('label'),
    cookie: key('cookie'),
    stamp: key('stamp'),
    value: key('value'),
    copy: key('copy'),
    csrf: key('csrf'),
  }
}

const SALT = Buffer.from('strongroom')

/** Compares secrets in constant time, so that the duration does not tell where they differ. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
