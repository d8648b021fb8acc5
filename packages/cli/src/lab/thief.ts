import { createSessions } from 'strongroom'
import { type Bound, createAead, createKeyring, primitivesFor, recipe } from 'strongroom/internal'
import type { StartConfig } from './protocol.ts'
import type { StoredFile, StoredRow, Thief } from './site.ts'

/** The seals of docs/security.md whose key does not come from the token alone, written down as an attacker would. */
const RECIPES = [
  { what: 'a record', opens: recipe('strongroom record', [17, 21], (master) => master.seal, 10) },
  { what: 'a record', opens: recipe('strongroom server record', [18, 22], (master) => master.seal, 26) },
  { what: 'a device label', opens: recipe('strongroom label', [19, 23], (master) => master.label) },
  { what: 'a cookie', opens: recipe('strongroom cookie', [20, 24], (master) => master.cookie) },
] as const

/**
 * Someone who has read all of docs/security.md. With the secrets they try every seal on everything that looks sealed, without the
 * visitor's token, which they do not have; and make a cookie for a user as the application would.
 */
export const ourThief =
  ({ cookieName, settings }: StartConfig): Thief =>
  async ({ rows, secrets }) => {
    if (secrets.length === 0) return { texts: [], cookies: [] }
    return {
      texts: rows.flatMap((row) => textsOf(row, secrets, cookieName)),
      cookies: await forgedCookies(secrets, cookieName, settings.store ?? ''),
    }
  }

function textsOf(row: StoredRow, secrets: readonly string[], namespace: string): StoredFile[] {
  const ring = createKeyring(secrets)
  const aead = createAead(primitivesFor('auto'))
  const last = row.key.split('/').at(-1) ?? row.key
  const id = /[0-9a-f]{64}/.exec(last)?.[0] ?? last
  const contexts = [namespace, id, ...ownersIn(row).map((owner) => id + owner)]
  const found: StoredFile[] = []
  for (const sealed of sealedIn(
    row,
    ring.masters.map(({ kid }) => kid),
  ))
    for (const { what, opens } of RECIPES)
      for (const context of contexts)
        for (const secret of GUESSES) {
          const bound: Bound = { secret, context, associated: context }
          const text = aead.open(opens, ring, bound, sealed)
          if (typeof text === 'string') found.push({ name: what, bytes: Buffer.from(text) })
        }
  return found
}

/** In the place of the visitor's token, which is in no file: nothing, or zeros. */
const GUESSES = [null, new Uint8Array(32)]

const VERSIONS: readonly number[] = RECIPES.flatMap(({ opens }) => Object.values(opens.versions))

/** Everything in the row that begins as something sealed under one of our keys does. It may end where the row does, or before. */
function sealedIn(row: StoredRow, kids: readonly number[]): Buffer[] {
  return binaryParts(row).flatMap((part) => {
    const starts = [...part.keys()].filter(
      (at) => VERSIONS.includes(part[at] as number) && kids.includes(part[at + 1] as number),
    )
    return starts.flatMap((start) =>
      [...starts.filter((end) => end > start + 60), part.length].map((end) => part.subarray(start, end)),
    )
  })
}

/** The columns of a table that are bytes; or the whole value. */
function binaryParts({ value, data }: StoredRow): Buffer[] {
  const text = Buffer.from(value).toString('latin1')
  const columns = [...text.matchAll(/"hex":"([0-9a-f]*)"/g)].map(([, hex = '']) => Buffer.from(hex, 'hex'))
  return [...(columns.length > 0 ? columns : [Buffer.from(value)]), ...(data ? [Buffer.from(data)] : [])]
}

/** Everything in the row that may be an owner's tag: 64 hexadecimal characters, or 32 bytes anywhere. */
function ownersIn(row: StoredRow): string[] {
  const text = Buffer.from(row.value).toString('latin1')
  const written = [...text.matchAll(/[0-9a-f]{64}/g)].map(([owner]) => owner)
  // Of a table, the bytes of a column; of anything else, wherever they are before the record itself.
  const windows = binaryParts(row).flatMap((part) => {
    const places = Math.min(part.length - 32, 80)
    return Array.from({ length: Math.max(0, places + 1) }, (_, at) => part.toString('hex', at, at + 32))
  })
  return [...new Set([...written, ...windows])]
}

/** As the application itself would make one for a user, in a store of the thief's own. */
async function forgedCookies(secrets: readonly string[], cookieName: string, url: string): Promise<string[]> {
  const inCookie = url.startsWith('cookie:')
  const protection = /protection=(\w+)/.exec(url)?.[1] ?? 'sealed'
  const store = inCookie ? `cookie:?protection=${protection}` : 'memory:'
  const sessions = createSessions({ store, secrets: [...secrets], cookie: { name: cookieName }, sweep: false })
  try {
    const visit = sessions.open({})
    const session = await visit.get()
    session.login('admin')
    const { setCookie } = await visit.commit()
    return setCookie ? [setCookie.split(';', 1)[0] ?? ''] : []
  } finally {
    await sessions.close()
  }
}
