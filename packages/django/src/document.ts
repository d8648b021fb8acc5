import { DataError } from 'strongroom'
import { own, parseJson, put, type Values } from 'strongroom/internal'
import { type ObjectNode, readJson } from './json/read.ts'
import { patchJson, toJsonValue } from './json/view.ts'
import { writeJson, writeString } from './json/write.ts'

/** Django's own keys, which the methods of a session stand for: `login`, `logout`, `userId`. */
export const USER_ID = '_auth_user_id'
export const USER_BACKEND = '_auth_user_backend'
export const USER_HASH = '_auth_user_hash'
export const EXPIRY = '_session_expiry'
/** Ours: what `session.level` and `session.requireFresh` go by. See proofs.ts. */
export const PROOF = '_strongroom_proof'

/**
 * The key under which values carry the JSON text that they were read from. A login makes a new session of the old one's
 * values, and whatever nobody changed must be written exactly as it was. Present only when the values alone would lose
 * something.
 */
const SOURCE = '~django'

const HIDDEN: readonly string[] = [USER_ID, USER_BACKEND, USER_HASH, PROOF]

/** What an application sees of a document: its values, as far as JSON can express them. */
export function valuesOf(document: ObjectNode): Values {
  const values: Values = {}
  const pairs: string[] = []
  for (const [key, node] of document.entries) {
    if (HIDDEN.includes(key)) continue
    // If Django's data has this key, too, it is hidden but preserved.
    if (key !== SOURCE) put(values, key, toJsonValue(node))
    pairs.push(`${writeString(key)}:${node.raw}`)
  }
  const seen = `{${pairs.join(',')}}`
  if (writeJson(values) !== seen) put(values, SOURCE, seen)
  return values
}

export interface Change {
  /** The session's data, as JSON. */
  readonly data: string
  /** The stored document, or null for a new session. */
  readonly before: ObjectNode | null
  /** Django's own keys to write, or to remove (null). The others stay as they are. */
  readonly own: Readonly<Record<string, unknown>>
}

/** Returns the JSON of a changed session. Whatever was not changed keeps its text and its position. */
export function changedJson({ data, before, own: changes }: Change): string {
  const values = parseJson(data) as Values
  const source = own(values, SOURCE)
  delete values[SOURCE]
  for (const key of HIDDEN)
    if (Object.hasOwn(values, key))
      throw new DataError(key, `The session key '${key}' says who is signed in: call ${callsFor(key)} instead.`)
  const base = before ?? (typeof source === 'string' ? objectIn(source) : undefined)
  // The values lack our source only when the session was cleared. Then Django's key of that name goes, too.
  for (const [key, node] of base?.entries ?? [])
    if (key === SOURCE ? source !== undefined : HIDDEN.includes(key)) put(values, key, toJsonValue(node))
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) delete values[key]
    else put(values, key, value)
  }
  return patchJson(base, values)
}

const callsFor = (key: string) => (key === PROOF ? 'login() or stepUp()' : 'login() or logout()')

export function readDocument(json: string): ObjectNode {
  return readJson(json) as ObjectNode
}

function objectIn(json: string): ObjectNode | undefined {
  const node = readJson(json)
  return node.kind === 'object' ? node : undefined
}

/** The user that a document names as signed in. Like Django, it accepts an integer as well. */
export function userIn({ entries }: ObjectNode): string | null {
  const node = entries.get(USER_ID)
  const value = node?.kind === 'scalar' ? node.value : null
  if (typeof value === 'string') return value === '' ? null : value
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : null
}

export function scalarIn({ entries }: ObjectNode, key: string): unknown {
  const node = entries.get(key)
  return node?.kind === 'scalar' ? node.value : undefined
}
