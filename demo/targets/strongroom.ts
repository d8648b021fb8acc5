import { randomBytes } from 'node:crypto'
import { createSessions, type Id, type Store, type Traits } from 'strongroom'
// No application needs these: they play someone who has the keys or the store, and only the inside leads there.
import { createKeyring, engineFromUrl, verifyToken } from 'strongroom/internal'
import { serve } from './serve.ts'
import { type Data, strongroomApp } from './strongroom-app.ts'
import type { Cookies, Outage, Row, Target } from './target.ts'

/** What all targets share. */
export interface Surroundings {
  readonly secrets: string
  /** See `KEY_HEADER`. */
  readonly key: string
  readonly plainCookie: boolean
}

export interface EngineChoice {
  readonly name: string
  readonly title: string
  readonly store: string
  readonly place: string
  readonly files: Target['files']
  readonly outage: Outage | string
}

/** How many users' passwords are remembered. Each is of one run of an attack. */
const PASSWORDS = 1000

/** Throws `ConfigError` for a URL that cannot be understood, and `StoreError` for a store that does not answer. */
export async function strongroomTarget(choice: EngineChoice, around: Surroundings): Promise<Target> {
  const { name, title, outage } = choice
  const { secrets, key, plainCookie } = around
  const cookieName = plainCookie ? name : `__Host-${name}`
  const opened = engineFromUrl(choice.store)
  const store = 'kind' in opened ? opened.revocations : opened
  const passwords = new Map<string, string>()
  const sessions = createSessions<Data>({
    store: opened,
    secrets,
    cookie: { name: cookieName, ...(plainCookie && { secure: false }) },
    credential: (user) => passwords.get(user) ?? 'the first password',
    ...(store && { sweep: '10m' }),
    // Twenty tabs on a slow disk take longer than the default allows. That would be no finding, but an attack that was not run.
    storeTimeout: '6s',
    // The page shows what happens while a store is away; the terminal need not repeat it.
    on: () => undefined,
  })
  // A demonstration may create its own table. The sweep shows whether the store answers, and removes what earlier attacks left.
  await store?.schema?.migrate()
  await sessions.clearExpired()
  const app = strongroomApp(sessions, (user) => {
    const password = randomBytes(16).toString('hex')
    passwords.set(user, password)
    for (const oldest of passwords.keys()) if (passwords.size > PASSWORDS) passwords.delete(oldest)
    return password
  })
  const served = await serve(app, key)
  const rows = 'kind' in opened ? null : rowsIn(opened, { secrets, cookieName })
  return {
    name,
    title,
    family: 'strongroom',
    seal: SEALS[sessions.policy.seal] ?? sessions.policy.seal,
    traits: sessions.policy.traits,
    url: served.url,
    isOwnCookie: (given) => given === cookieName,
    rowOf: async (cookies) => rows?.(cookies) ?? null,
    place: choice.place,
    files: choice.files,
    outage,
    async close() {
      await served.close()
      await sessions.close()
      await store?.close()
    },
  }
}

const SEALS: Readonly<Record<string, string>> = {
  'two-key': 'sealed with two keys',
  none: 'not sealed',
  sealed: 'encrypted',
  signed: 'signed, readable',
}

/** Is everything that the store has in the memory of this process? */
export const isOnlyInMemory = (traits: Traits | null): boolean =>
  traits !== null && traits.shared === 'process' && traits.durable === 'no'

/** Rows by their cookies: anyone who plays the thief has the keys, too, and so finds the row that belongs to a cookie. */
function rowsIn(store: Store, { secrets, cookieName }: { secrets: string; cookieName: string }) {
  const ring = createKeyring(secrets)
  return async (cookies: Cookies): Promise<Row | null> => {
    const token = verifyToken(cookies.get(cookieName) ?? '', ring, cookieName)
    if (typeof token === 'string') return null
    const { id } = token
    const found = await store.read(id)
    if (!found) return null
    return {
      bytes: found.entry.bytes,
      kind: isOnlyInMemory(store.traits) ? 'plain' : 'sealed',
      put: (bytes) => put(store, id, { ...found.entry, bytes }),
    }
  }
}

async function put(store: Store, id: Id, entry: Parameters<Store['create']>[1]): Promise<void> {
  const now = await store.read(id, { fresh: true })
  const done = now ? await store.update(id, entry, now.version) : await store.create(id, entry)
  if (done === null || done === false) throw new Error('Another request changed the row in the same moment.')
}
