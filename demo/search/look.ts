import { ask } from '../targets/ask.ts'
import type { Cookies, Row, StoredFile, Target } from '../targets/target.ts'
import { type Spelling, spellingsOf } from './spellings.ts'

/** Where in which bytes something is. */
export interface Hit {
  /** "in base64". */
  readonly how: string
  readonly file: StoredFile
  readonly offset: number
  readonly length: number
}

/** What a search for the visitor's note found at one engine. */
export interface Look {
  readonly target: Target
  /**
   * `kept`: the session is there, with the note. `none`: no session here has this note. `gone`: there is a cookie, and its session
   * is not there any more. `away`: the store could not be asked.
   */
  readonly state: 'kept' | 'none' | 'gone' | 'away'
  readonly cookies: Cookies
  readonly inCookie: Hit | null
  readonly inStore: Hit | null
  readonly row: Row | null
  /** Where the row was found in the files, which shows that the search looked in the right place. */
  readonly rowAt: Hit | null
  readonly files: number
  readonly bytes: number
  /** For the visitor's browser. */
  readonly setCookie: readonly string[]
}

/** So much of a row is looked for in the files: more would not be found where a file is divided into pages. */
const BEGINNING = 40

export async function lookAt(target: Target, key: string, note: string, cookies: Cookies): Promise<Look> {
  const nothing = { target, cookies, inCookie: null, inStore: null, row: null, rowAt: null, files: 0, bytes: 0 }
  try {
    if (cookies.size === 0) return { ...nothing, state: 'none', setCookie: [] }
    const reply = await ask(target, key, { method: 'GET', path: '/me', cookies })
    const { setCookie } = reply
    if (reply.status !== 200) return { ...nothing, state: 'away', setCookie }
    if (reply.note !== note) return { ...nothing, state: reply.note === null ? 'gone' : 'none', setCookie }
    const row = await target.rowOf(cookies)
    const files = target.files ? await target.files() : row ? [{ name: 'the row', bytes: row.bytes }] : []
    const spellings = spellingsOf(note)
    return {
      ...nothing,
      ...{ state: 'kept', row, setCookie, files: files.length },
      inCookie: firstOf(spellings, filesOfCookies(cookies)),
      inStore: firstOf(spellings, files),
      rowAt: row && firstOf([{ how: 'the row', bytes: row.bytes.subarray(0, BEGINNING) }], files),
      bytes: files.reduce((sum, { bytes }) => sum + bytes.length, 0),
    }
  } catch {
    return { ...nothing, state: 'away', setCookie: [] }
  }
}

/** Cookies as a jar stores them: their text. */
const filesOfCookies = (cookies: Cookies): StoredFile[] =>
  [...cookies].map(([name, value]) => ({ name, bytes: Buffer.from(value) }))

/** In the plainest spelling, because that is the worst. */
function firstOf(spellings: readonly Spelling[], files: readonly StoredFile[]): Hit | null {
  for (const { how, bytes } of spellings)
    for (const file of files) {
      const offset = Buffer.from(file.bytes.buffer, file.bytes.byteOffset, file.bytes.length).indexOf(bytes)
      if (offset >= 0) return { how, file, offset, length: bytes.length }
    }
  return null
}
