import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'
import { ConfigError } from '../errors.ts'

/** One secret, and the keys that are derived from it: nothing is ever keyed by the secret itself. */
export interface Master {
  /** Key id, 0 to 255, derived from the secret: it says which master made something and nothing else. */
  readonly kid: number
  readonly token: KeyObject
  readonly seal: KeyObject
  readonly owner: KeyObject
  readonly label: KeyObject
  readonly cookie: KeyObject
  /** For stamps of the credentials that logins stand on. */
  readonly stamp: KeyObject
  /** For the application's own signed cookies. */
  readonly value: KeyObject
}

/** The masters of an application: the first is current and makes what is new, the others are retired and only open. */
export interface Keyring {
  readonly current: Master
  readonly masters: readonly Master[]
  /** The master of this key id, or undefined: then whatever names it is not ours, or made by a key we were not given. */
  get(kid: number): Master | undefined
}

/**
 * Secrets as text of at least 32 bytes (`strongroom keys new` prints a good one) or as 32 or more random bytes. The first is
 * current. One string may hold several, divided by commas or white space, as an environment value does.
 */
export type Secrets = string | Uint8Array | readonly (string | Uint8Array)[]

const PLACEHOLDER = /change.?me|secret|password|passw0rd|keyboard.?cat|example|default|insert.?here|qwerty/i

/** Derives the ring; throws `ConfigError` when a secret is short, guessable, or doubled. */
export function createKeyring(secrets: Secrets): Keyring {
  const given = typeof secrets === 'string' ? secrets.split(/[\s,]+/).filter(Boolean) : secrets
  const list = given instanceof Uint8Array ? [given] : given
  if (!Array.isArray(list)) throw new ConfigError(`secrets is text, bytes, or a list of them. ${REMEDY}`)
  if (list.length === 0) throw new ConfigError(`No secret was given. ${REMEDY}`)
  const masters = list.map((secret, i) => deriveMaster(secretBytes(secret, i)))
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

/** Where secrets come from: the secrets themselves, or a function that fetches them from a vault and may be asked again. */
export type SecretSource = Secrets | (() => Secrets | Promise<Secrets>)

/** A ring whose masters can be exchanged while sessions are served. */
export interface LiveKeyring extends Keyring {
  /** Resolves when there are keys. Rejects with the provider's error, and asks it again at the next call. */
  ready(): Promise<void> | undefined
  /** Asks the provider again; with secrets, takes those. What the new ring lacks can no longer be opened. */
  reload(secrets?: Secrets): Promise<void>
  /**
   * Asks the provider again, if there is one and the last time is half a minute ago, or waits for the answer that is under
   * way; true when it answered.
   */
  refresh(): Promise<boolean>
}

const REFRESH = 30_000

export function createLiveKeyring(source: SecretSource): LiveKeyring {
  const provider = typeof source === 'function' ? source : null
  let ring = typeof source === 'function' ? null : createKeyring(source)
  let loading: Promise<void> | undefined
  let [asked, taken] = [0, 0]
  let askedAt = Number.NEGATIVE_INFINITY

  /** Takes what is fetched, unless secrets that were asked for later are there already. */
  async function take(fetch: () => Secrets | Promise<Secrets>): Promise<void> {
    const turn = ++asked
    const fetched = createKeyring(await fetch())
    if (turn > taken) [ring, taken] = [fetched, turn]
  }

  function ask(from: () => Secrets | Promise<Secrets>): Promise<void> {
    askedAt = performance.now()
    const load = take(from).finally(() => {
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
    ready: () => (ring || !provider ? undefined : (loading ?? ask(provider))),
    async reload(secrets) {
      if (secrets !== undefined) return take(() => secrets)
      // Never shared with a question that is under way: that one may have been put before the secrets were changed.
      if (provider) return ask(provider)
      throw new ConfigError('reloadSecrets() needs the new secrets, for the old ones were given as values.')
    },
    async refresh() {
      if (!provider || (!loading && performance.now() - askedAt < REFRESH)) return false
      // What the provider cannot tell now is no reason to fail a request that merely carries a foreign cookie.
      return (loading ?? ask(provider)).then(
        () => true,
        () => false,
      )
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

const REMEDY = 'Make one with `strongroom keys new`, keep it out of the source, and hand it in as `secrets`.'

const collision = (first: number, second: number, same: boolean) =>
  same
    ? `Secrets ${first + 1} and ${second + 1} are the same. Remove one of them.`
    : `Secrets ${first + 1} and ${second + 1} happen to have the same key id. Make the newer one again with \`strongroom keys new\`.`

function secretBytes(secret: string | Uint8Array, index: number): Buffer {
  const which = `Secret ${index + 1}`
  if (typeof secret !== 'string' && !(secret instanceof Uint8Array))
    throw new ConfigError(`${which} is neither text nor bytes. ${REMEDY}`)
  const bytes = typeof secret === 'string' ? Buffer.from(secret, 'utf8') : Buffer.from(secret)
  if (bytes.length < 32) throw new ConfigError(`${which} has ${bytes.length} bytes; at least 32 are needed. ${REMEDY}`)
  if (guessBits(bytes) < 100 || (typeof secret === 'string' && PLACEHOLDER.test(secret)))
    throw new ConfigError(
      `${which} looks guessable: it repeats itself, follows a pattern, or is a placeholder. ${REMEDY}`,
    )
  return bytes
}

/**
 * A generous estimate of how hard a secret is to guess, in bits: the smaller of what its characters and what the steps
 * between them tell. It cannot prove randomness; it catches "aaaa…", "abcd…", "0123…" and pasted repetitions.
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

/** Length that is left when every run of four bytes that stood before is taken away. */
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
  // KeyObjects, made once: Node 24 spends 8 µs more on every call that is handed raw bytes.
  const key = (use: string) => createSecretKey(derive(use))
  return {
    kid: derive('kid', 1)[0] as number,
    token: key('token'),
    seal: key('seal'),
    owner: key('owner'),
    label: key('label'),
    cookie: key('cookie'),
    stamp: key('stamp'),
    value: key('value'),
  }
}

const SALT = Buffer.from('strongroom')

/** The blind tag (64 hex characters) under which a user's sessions are found; the user id cannot be read from it. */
export function ownerTag(master: Master, userId: string): string {
  return createHmac('sha256', master.owner).update(userId).digest('hex')
}

/** Compares secrets without telling by its duration where they differ. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
