import type { Evidence } from '../report.ts'
import type { Match } from '../search.ts'
import type { Site, StoredFile, StoredRow } from '../site.ts'
import { send } from '../visitor.ts'

export const bytesOf = (files: readonly StoredFile[]) => files.reduce((sum, { bytes }) => sum + bytes.length, 0)

/** Bytes of a row that are in no file by chance; few enough to be found although a tool escapes some of the row's bytes. */
const PIECE = 12

/** Is the row in the files: a piece of its key or of the end of its value, as it is or in hexadecimal? */
export function isIn(files: readonly StoredFile[], { key, value, data }: StoredRow): boolean {
  const last = key.split(/[:/]/).at(-1) ?? key
  const sources = [Buffer.from(last), Buffer.from(last, 'hex'), Buffer.from(data ?? value).subarray(-4 * PIECE)]
  const pieces = sources.flatMap((bytes) =>
    Array.from({ length: Math.max(0, bytes.length - PIECE + 1) }, (_, at) => bytes.subarray(at, at + PIECE)),
  )
  const forms = pieces.flatMap((piece) => [piece, Buffer.from(piece.toString('hex'))])
  return files.some(({ name, bytes }) => {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return name.includes(last) || forms.some((form) => buffer.includes(form))
  })
}

interface Tries {
  readonly files: readonly StoredFile[]
  readonly rows: readonly StoredRow[]
  /** What a thief made who knows the library. */
  readonly cookies: readonly string[]
  readonly signal: AbortSignal
}

/** How many cookies were tried, and how many of them made the thief a user. */
export interface SignedIn {
  readonly tried: number
  readonly users: number
}

/** So many candidates of one kind are tried: a store with one session has few. */
const MOST = 300
/** Requests in parallel. */
const ABREAST = 16

export async function signInWith(site: Site, tries: Tries): Promise<SignedIn> {
  const { cookieName } = site
  const values = new Set([...idsIn(tries.files), ...tries.rows.flatMap(({ key }) => valuesOf(key))])
  const made = [...values].slice(0, MOST).map((value) => `${cookieName}=${value}`)
  const cookies = [...new Set([...made, ...tries.cookies])]
  let users = 0
  for (let at = 0; at < cookies.length; at += ABREAST) {
    if (tries.signal.aborted) throw tries.signal.reason
    const batch = cookies.slice(at, at + ABREAST)
    const replies = await Promise.all(batch.map((cookie) => send(site, '/read', cookie)))
    users += replies.filter(({ user }) => user !== null).length
  }
  return { tried: cookies.length, users }
}

/** What looks like an id or a token: hexadecimal, base64, or the file's name. */
function idsIn(files: readonly StoredFile[]): string[] {
  return files.flatMap(({ name, bytes }) => {
    const words = [name, ...filledBlocks(bytes)].flatMap((text) => text.match(/[A-Za-z0-9_-]{32,128}/g) ?? [])
    return [...new Set(words)].filter(isRandom).slice(0, MOST)
  })
}

const BLOCK = 8192
const ZEROS = Buffer.alloc(BLOCK)

/** Most of a database's files is zeros. */
function* filledBlocks(bytes: Uint8Array): Generator<string> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < buffer.length; at += BLOCK) {
    const block = buffer.subarray(at, at + BLOCK)
    // What lies across the end of a block belongs to the next one, too.
    if (!block.equals(ZEROS)) yield buffer.toString('latin1', Math.max(0, at - 128), at + block.length)
  }
}

/** Words of a program's files have no digits, and no mixture of letters. */
const isRandom = (word: string) => /\d/.test(word) && new Set(word).size >= 10

/** An id as a cookie may spell it. */
function valuesOf(key: string): string[] {
  const last = key.split(/[:/]/).at(-1) ?? key
  return [last, encodeURIComponent(key), Buffer.from(last, 'hex').toString('base64url')].filter((value) => value !== '')
}

export function theftEvidence(matches: readonly Match[], { tried, users }: SignedIn): Evidence[] {
  const [first] = matches
  return [
    { what: 'places where the note was found', value: `${matches.length}` },
    ...(first ? [{ what: `the note, ${first.form}, in ${first.file}`, value: first.excerpt }] : []),
    { what: 'cookies made of what was found, and how many signed in', value: `${tried} tried, ${users} signed in` },
  ]
}
