/** Compiled, never run: what the types promise. Each `@ts-expect-error` is a mistake that must not compile. */

import type { Id, Token } from '../../packages/strongroom/src/crypto/token.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import {
  type BaseSessions,
  createSessions,
  type IndexedStore,
  type RevocableCookieSessions,
  type Session,
  type Sessions,
  type SessionsOptions,
  type Store,
} from '../../packages/strongroom/src/index.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>) => undefined

interface Data {
  basket: { id: string; count: number }[]
  theme: 'dark' | 'light'
  visits?: number
}

const secrets = 'a secret'
declare const store: Store
declare const owned: IndexedStore
declare const session: Session<Data>

export async function dataIsTyped() {
  const read = session.get('theme')
  same<typeof read, 'dark' | 'light' | undefined>(true)
  same<ReturnType<typeof session.keys>, ('basket' | 'theme' | 'visits')[]>(true)
  const pulled = session.pull('basket')
  same<typeof pulled, Data['basket'] | undefined>(true)

  session.set('theme', 'dark').set('basket', []).set('visits', 1)
  // @ts-expect-error: no such theme
  session.set('theme', 'blue')
  // @ts-expect-error: no such key
  session.set('them', 'dark')
  // @ts-expect-error: no such key
  session.get('them')
  // @ts-expect-error: no such key
  session.has('them')
  // @ts-expect-error: no such key
  session.delete('them')
  // @ts-expect-error: what is read may not be there
  session.get('basket').push({ id: 'a', count: 1 })
  session.get('basket')?.push({ id: 'a', count: 1 })
  // @ts-expect-error: undefined is not a value; there is delete()
  session.set('theme', undefined)

  const count = session.update('visits', (visits) => (visits ?? 0) + 1)
  same<typeof count, number | undefined>(true)
  session.update('theme', () => undefined)
  // @ts-expect-error: no such theme
  session.update('theme', () => 'blue')
  // @ts-expect-error: an update computes, it does not wait
  session.update('visits', async () => 1)

  const messages: unknown[] = session.flash('notice')
  session.flash('notice', 'text')
  // @ts-expect-error: facts are read-only
  session.userId = 'eve'
  return messages
}

export function withoutDataAnyKeyHolds() {
  const sessions = createSessions({ secrets, store: memory() })
  same<typeof sessions, Sessions<Record<string, unknown>>>(true)
  return async (request: object) => {
    const session = await sessions.get(request)
    session.set('anything', { at: 'all' })
    const value = session.get('anything')
    same<typeof value, unknown>(true)
  }
}

export function ciphersAreNamed() {
  const { policy } = createSessions<Data>({ secrets, store: owned, cipher: 'aes-256-gcm', crypto: 'node' })
  const cipher: 'chacha20-poly1305' | 'aes-256-gcm' = policy.cipher
  const crypto: 'node' | 'sodium' = policy.crypto
  // @ts-expect-error: no such cipher
  createSessions<Data>({ secrets, store: owned, cipher: 'aes-256-cbc' })
  // @ts-expect-error: no such implementation
  createSessions<Data>({ secrets, store: owned, crypto: 'openssl' })
  return { cipher, crypto }
}

export function verbsTakeWhatTheySay() {
  session.login('ada', { remember: '30d', keep: ['basket'], limit: 3, atLimit: 'refuse', label: null })
  session.setExpiry('10m')
  session.setExpiry(new Date())
  session.setExpiry({ idle: null, absolute: new Date(), remember: true })
  session.setExpiry(null)
  // @ts-expect-error: ids of users are text
  session.login(5)
  // @ts-expect-error: no such option
  session.login('ada', { rememberMe: true })
  // @ts-expect-error: no such policy
  session.login('ada', { atLimit: 'newest' })
  // @ts-expect-error: no such option
  session.setExpiry({ maxAge: 5 })
}

export async function whatOfCanDoFollowsFromTheStore() {
  const full = createSessions<Data>({ secrets, store: owned })
  same<typeof full, Sessions<Data>>(true)
  const ended: number = await full.of('ada').revokeAll()
  const devices = await full.of('ada').list(session)
  const handle: string | undefined = devices[0]?.handle
  await full.of('ada').revokeOthers(session)

  same<ReturnType<typeof createSessions<Data>>, BaseSessions<Data>>(true)
  const url = createSessions<Data>({ secrets, store: 'sqlite:./sessions.db' })
  same<typeof url, Sessions<Data>>(true)
  const none = createSessions<Data>()
  same<typeof none, Sessions<Data>>(true)

  const plain = createSessions<Data>({ secrets, store })
  same<typeof plain, BaseSessions<Data>>(true)
  // @ts-expect-error: a store without an owner index finds nobody's sessions
  plain.of('ada')

  const bare = createSessions<Data>({ secrets, store: cookie() })
  same<typeof bare, BaseSessions<Data>>(true)
  // @ts-expect-error: sessions in cookies alone cannot be ended
  bare.of('ada')

  const evicting = createSessions<Data>({ secrets, store: redis({ url: 'redis://h', evicts: true }) })
  same<typeof evicting, BaseSessions<Data>>(true)
  const dropping = createSessions<Data>({ secrets, store: memory({ evicts: true }) })
  same<typeof dropping, BaseSessions<Data>>(true)
  const kept = createSessions<Data>({ secrets, store: redis({ url: 'redis://h', evicts: false }) })
  same<typeof kept, Sessions<Data>>(true)

  const marked = createSessions<Data>({ secrets, store: cookie({ revocations: store }) })
  same<typeof marked, RevocableCookieSessions<Data>>(true)
  const uncounted: null = await marked.of('ada').revokeAll()
  // @ts-expect-error: sessions in cookies cannot be listed
  await marked.of('ada').list()
  // @ts-expect-error: nor ended one by one
  await marked.of('ada').revoke('handle')
  return [ended, handle, uncounted]
}

export function tokensAndIdsAreNoText(token: Token, id: Id, text: string, bytes: Uint8Array) {
  const asText: string = id
  const asBytes: Uint8Array = token
  // @ts-expect-error: not every text is an id
  const fromText: Id = text
  // @ts-expect-error: not all bytes are a token
  const fromBytes: Token = bytes
  // @ts-expect-error: a token is no id
  const fromToken: Id = token
  // @ts-expect-error: an id is no token
  const fromId: Token = id
  // @ts-expect-error: a store is asked by id
  store.read(text)
  // @ts-expect-error: and never by the visitor's token
  store.read(token)
  return [asText, asBytes, fromText, fromBytes, fromToken, fromId]
}

export function optionsAreNamed() {
  // @ts-expect-error: no such option
  createSessions({ secrets, store: owned, ttl: 5 })
  // @ts-expect-error: no such seal
  createSessions({ secrets, store: owned, seal: 'both' })
  // @ts-expect-error: no such cookie attribute
  createSessions({ secrets, store: owned, cookie: { httpOnly: false } })
  const options: SessionsOptions = { secrets: async () => [secrets], idle: null, memo: false }
  // @ts-expect-error: options are read-only
  options.idle = '30m'
  return options
}

export function signedCookiesAreTyped(sessions: BaseSessions<Data>, request: Request, response: Response) {
  const plain = sessions.getSignedCookie(request, 'tea')
  same<typeof plain, string | undefined>(true)
  const given = sessions.getSignedCookie(request, 'tea', { salt: 'shop', default: null })
  same<typeof given, string | null>(true)
  sessions.setSignedCookie(response, 'tea', 'green', { maxAge: '1h' })
  // @ts-expect-error: the response, and not the request, gets the cookie
  sessions.setSignedCookie('tea', 'green')
  // @ts-expect-error: a value is text
  sessions.setSignedCookie(response, 'tea', 3)
}

export function credentialsAreTyped() {
  createSessions({ secrets, store, credential: async (userId) => userId })
  // @ts-expect-error: a number is no credential
  createSessions({ secrets, store, credential: () => 3 })
  // @ts-expect-error: one half of a pair
  createSessions({ secrets, store, serializer: { toJson: (value: unknown) => value } })
}
