import { DataError } from 'strongroom'
import { own, put, type Values } from 'strongroom/internal'
import { type ObjectNode, readJson } from './json/read.ts'
import { layOver, toJsonValue } from './json/view.ts'
import { writeJson, writeString } from './json/write.ts'

/** Keys of Django's that the verbs of a session speak for: `login`, `logout`, `userId`. */
export const USER_ID = '_auth_user_id'
export const USER_BACKEND = '_auth_user_backend'
export const USER_HASH = '_auth_user_hash'
export const EXPIRY = '_session_expiry'

/**
 * The document that values were read from, as its text, among them: a login makes a new session of what the old one held, and
 * what nobody changed is to be there to the letter. Only where JSON values alone would lose something.
 */
const SOURCE = '~django'

const USER: readonly string[] = [USER_ID, USER_BACKEND, USER_HASH]

/** What a session's user sees of a document: the values that JSON has. */
export function valuesOf(document: ObjectNode): Values {
  const values: Values = {}
  const pairs: string[] = []
  for (const [key, node] of document.entries) {
    if (USER.includes(key)) continue
    // A key of Django's that has our name is not shown, but kept.
    if (key !== SOURCE) put(values, key, toJsonValue(node))
    pairs.push(`${writeString(key)}:${node.raw}`)
  }
  const seen = `{${pairs.join(',')}}`
  if (writeJson(values) !== seen) put(values, SOURCE, seen)
  return values
}

export interface Change {
  /** The session's data, as JSON text. */
  readonly data: string
  /** What lies there now, or null for a session that is new. */
  readonly was: ObjectNode | null
  /** Keys of Django's to write, or to remove (null); all others of its own stay. */
  readonly own: Readonly<Record<string, string | number | null>>
}

/** The JSON text of a changed session. Whatever was not changed keeps its text and its place. */
export function changedText({ data, was, own: changes }: Change): string {
  const values = JSON.parse(data) as Values
  const source = own(values, SOURCE)
  delete values[SOURCE]
  for (const key of USER)
    if (Object.hasOwn(values, key))
      throw new DataError(key, `The session key '${key}' is Django's own: call login() or logout().`)
  const base = was ?? (typeof source === 'string' ? sourceOf(source) : undefined)
  // Ours is there whenever Django's is, but for a session that was cleared.
  for (const [key, node] of base?.entries ?? [])
    if (key === SOURCE ? source !== undefined : USER.includes(key)) put(values, key, toJsonValue(node))
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) delete values[key]
    else put(values, key, value)
  }
  return layOver(base, values)
}

export function readDocument(json: string): ObjectNode {
  return readJson(json) as ObjectNode
}

function sourceOf(json: string): ObjectNode | undefined {
  const node = readJson(json)
  return node.kind === 'object' ? node : undefined
}

/** The user that a document says is signed in; Django reads an integer as well. */
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
