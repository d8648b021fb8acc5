import { createHash, createHmac, randomBytes, randomFillSync } from 'node:crypto'
import { equal, type Keyring, type Master } from './keyring.ts'
import { namespacedMac, namespacePrefix, namespaceTag } from './namespace.ts'
import { nodePrimitives } from './node.ts'
import { type Primitives, wipe } from './primitives.ts'

declare const brand: unique symbol
/** The secret that only the visitor's cookie contains: 32 random bytes, new at every renewal. */
export type Token = Uint8Array & { readonly [brand]: 'token' }
/**
 * The key of a session in its store, from its beginning to its end: 64 lower-case hex characters, derived from its sid under a
 * key of the server. It ends with the tag of its namespace.
 */
export type Id = string & { readonly [brand]: 'id' }

/** A token that was verified to be ours, with all that follows from it. */
export interface VerifiedToken {
  /** 16 bytes: which session it is for. */
  readonly sid: Uint8Array
  readonly token: Token
  /** How often the session had been renewed when this token was made. */
  readonly generation: number
  readonly id: Id
  /** The one under which the session began: id, tag, owner tag and epoch stay under it when the secrets rotate. */
  readonly master: Master
  /** The cookie value: 88 base64url characters. */
  readonly text: string
}

/** Why a cookie or a record is not ours; `revoked` is a cookie that comes back after its session was ended. */
export interface Refused {
  readonly refused: string
}

/** Why a cookie value is not ours. An unknown key may be a deployment's mistake; the others are a visitor's. */
export type Refusal = 'malformed' | 'unknown-key' | 'forged'

/**
 * The namespace of tokens and ids. Two, where tokens are bound to more than ids are: a session has one id however its tokens are carried,
 * and a token that is carried otherwise is refused.
 */
export type TokenNames = string | { readonly ids: string; readonly tags: string }

const VERSION = 1
const SID = 16
const TOKEN = 32
const TAG = 12
/** Version 1, kid 1, generation 4. */
const HEAD = 6
const TAGGED = HEAD + SID + TOKEN
const LENGTH = TAGGED + TAG
/** All 66 bytes are used, so that one value has one spelling. */
const TEXT = /^[A-Za-z0-9_-]{88}$/
const MOST_RENEWALS = 0xffff_ffff

/** Where nobody says what computes. */
const NODE: Primitives = nodePrimitives()

/** The first token of a new session, which begins under the current master. */
export function newToken(ring: Keyring, names: TokenNames, primitives = NODE): VerifiedToken {
  return tokenOf(ring.current, names, { secret: randomBytes(SID + TOKEN), generation: 0, primitives })
}

/** A new token of the same session. The one before it opens nothing once the session is stored under this one. */
export function renewedToken(
  { sid, master, generation }: VerifiedToken,
  names: TokenNames,
  primitives = NODE,
): VerifiedToken {
  if (generation >= MOST_RENEWALS) throw new RangeError('A session can be renewed 4 294 967 295 times.')
  const random = Buffer.allocUnsafeSlow(SID + TOKEN)
  random.set(sid)
  randomFillSync(random, SID)
  return tokenOf(master, names, { secret: random, generation: generation + 1, primitives })
}

/** The same, whose 32 bytes are known. They are wiped. */
export function successorToken(
  { sid, master, generation }: VerifiedToken,
  token: Uint8Array,
  names: TokenNames,
  primitives = NODE,
): VerifiedToken {
  const secret = Buffer.allocUnsafeSlow(SID + TOKEN)
  secret.set(sid)
  secret.set(token, SID)
  wipe(token)
  return tokenOf(master, names, { secret, generation: generation + 1, primitives })
}

/**
 * The token for `what` under a master: the same wherever it is computed, and as hard to guess as the secret parts of `what`.
 */
export function computedToken(
  master: Master,
  names: TokenNames,
  what: readonly string[],
  primitives = NODE,
): VerifiedToken {
  const mac = createHmac('sha512', master.computed)
    .update(namespacePrefix(idsOf(names)))
    .update(JSON.stringify(what))
    .digest()
  return tokenOf(master, names, { secret: mac.subarray(0, SID + TOKEN), generation: 0, primitives })
}

interface Parts {
  /** The sid and the token. Wiped. */
  readonly secret: Uint8Array
  readonly generation: number
  readonly primitives: Primitives
}

function tokenOf(master: Master, names: TokenNames, { secret, generation, primitives }: Parts): VerifiedToken {
  const bytes = Buffer.alloc(LENGTH)
  bytes[0] = VERSION
  bytes[1] = master.kid
  bytes.writeUInt32BE(generation, 2)
  bytes.set(secret, HEAD)
  const by: By = { master, names, primitives }
  bytes.set(tagOf(by, bytes), TAGGED)
  const verified = verifiedFrom(bytes, bytes.toString('base64url'), by)
  wipe(bytes)
  wipe(secret)
  return verified
}

/**
 * Verifies a cookie value: version 1 ‖ kid 1 ‖ generation 4 ‖ sid 16 ‖ token 32 ‖ tag 12, in base64url. What is not ours, or
 * belongs to another namespace, never reaches a store.
 */
export function verifyToken(
  text: string,
  ring: Keyring,
  names: TokenNames,
  primitives = NODE,
): VerifiedToken | Refusal {
  if (text.length !== 88 || !TEXT.test(text)) return 'malformed'
  const bytes = Buffer.from(text, 'base64url')
  try {
    if (bytes[0] !== VERSION) return 'malformed'
    const master = ring.get(bytes[1] as number)
    if (!master) return 'unknown-key'
    const by: By = { master, names, primitives }
    return equal(tagOf(by, bytes), bytes.subarray(TAGGED)) ? verifiedFrom(bytes, text, by) : 'forged'
  } finally {
    // The next allocation from that slab must not contain a token.
    wipe(bytes)
  }
}

/** With copies, so that a token never keeps a pooled slab with other requests' bytes in memory. */
function verifiedFrom(bytes: Buffer, text: string, by: By): VerifiedToken {
  const sid = new Uint8Array(bytes.subarray(HEAD, HEAD + SID))
  const token = new Uint8Array(bytes.subarray(HEAD + SID, TAGGED)) as Token
  return { sid, token, generation: bytes.readUInt32BE(2), id: idOf(by, sid), master: by.master, text }
}

/** What the HMACs of a token are computed with. */
interface By {
  readonly master: Master
  readonly names: TokenNames
  readonly primitives: Primitives
}

/** Overwritten by the next HMAC. */
const mac = Buffer.alloc(64)
const tag = mac.subarray(0, TAG)

/**
 * HMAC-SHA-512 over all before the tag and the namespace: a made-up cookie is refused before any look-up. Valid until the next
 * call.
 */
function tagOf({ master, names, primitives }: By, bytes: Uint8Array): Uint8Array {
  const namespace = typeof names === 'string' ? names : names.tags
  namespacedMac(primitives, master.tag, namespace, { data: bytes, length: TAGGED }, mac)
  return tag
}

const idsOf = (names: TokenNames): string => (typeof names === 'string' ? names : names.ids)

const ID = 32
/** The bytes of an id before the tag of its namespace: 224 bits, so two sessions never have the same. */
const OF_SID = 28

/**
 * Not from the token: a renewal changes that, and what ends a session must find it under the same id before and after.
 *
 * The namespace is bound in with the key, and can be seen nevertheless: an operator who walks a store that several applications
 * share, perhaps with other secrets, must neither count nor end the sessions of another. At the end, because files and locks are
 * spread by the beginning.
 */
function idOf({ master, names, primitives }: By, sid: Uint8Array): Id {
  const namespace = idsOf(names)
  namespacedMac(primitives, master.id, namespace, { data: sid, length: SID }, mac)
  mac.set(namespaceTag(namespace), OF_SID)
  const id = mac.toString('hex', 0, ID) as Id
  wipe(mac)
  return id
}

/** Is this the id of a session of the namespace, or of what an adoption has left in it? Needs no key. */
export function belongsTo(id: Id, namespace: string): boolean {
  return id.endsWith(namespaceTag(namespace).toString('hex'))
}

/** The public name of a session: 16 characters that open nothing, and from which neither id nor token can be computed. */
export function handleOf(id: Id): string {
  return createHash('sha256').update('strongroom handle ').update(id).digest('base64url').slice(0, 16)
}
