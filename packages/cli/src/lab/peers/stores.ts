import { readdirSync } from 'node:fs'
import { load } from './packages.ts'
import type { Peer } from './peer.ts'

/** A store of express-session, which @fastify/session uses, too. */
export interface OpenStore {
  /** Null where the cookie holds the session. */
  readonly store: object | null
  /** What the library offers for sessions that have expired, or null. */
  readonly sweep: (() => Promise<void>) | null
}

type StoreClass = new (options: object) => object
type Extend = (session: unknown) => StoreClass

export async function openStore(library: Peer['library'], kind: Peer['store'], url: string): Promise<OpenStore> {
  switch (kind) {
    case 'cookie':
      return { store: null, sweep: null }
    case 'memory':
      return { store: memoryStore(library), sweep: null }
    case 'session-file-store':
      return fileStore(url)
    case 'connect-redis':
      return { store: await redisStore(url), sweep: null }
    case 'connect-pg-simple':
      return pgStore(url)
    case 'express-mysql-session':
      return mysqlStore(url)
  }
}

const expressSession = () => load('express-session')

/** The one that it would make for itself. */
function memoryStore(library: string): object {
  const { MemoryStore } = load(library) as { MemoryStore: new () => object }
  return new MemoryStore()
}

function fileStore(folder: string): OpenStore {
  const Store = (load('session-file-store') as Extend)(expressSession())
  const store = new Store({ path: folder, logFn: () => {} }) as { readonly options: object }
  // What its timer calls each hour. The timer looks at no errors, such as that a file is gone meanwhile.
  const { reap } = load('session-file-store/lib/session-file-helpers') as {
    reap(options: object, done: () => void): void
  }
  const once = () => new Promise<void>((resolve) => reap(store.options, resolve))
  return {
    store,
    async sweep() {
      // It calls back when the last file of its list is done, while others may still be in progress.
      for (let left = -1, now = -2; left !== now; now = readdirSync(folder).length) {
        left = readdirSync(folder).length
        await once()
      }
    },
  }
}

async function redisStore(url: string): Promise<object> {
  const { createClient } = load('redis') as {
    createClient(options: object): { connect(): Promise<unknown>; on(event: 'error', listener: () => void): void }
  }
  const client = createClient({ url })
  // The attacks end the server. Without a listener, that would end this process.
  client.on('error', () => {})
  await client.connect()
  const { RedisStore } = load('connect-redis') as { RedisStore: StoreClass }
  return new RedisStore({ client })
}

async function pgStore(url: string): Promise<OpenStore> {
  const Store = (load('connect-pg-simple') as Extend)(expressSession())
  const store = new Store({ conString: url, createTableIfMissing: true, errorLog: () => {} }) as {
    pruneSessions(done: (error?: unknown) => void): void
  }
  return {
    store,
    sweep: () => new Promise((resolve, reject) => store.pruneSessions((error) => (error ? reject(error) : resolve()))),
  }
}

async function mysqlStore(text: string): Promise<OpenStore> {
  const Store = (load('express-mysql-session') as Extend)(expressSession())
  const { hostname, port, username, password, pathname } = new URL(text)
  const store = new Store({
    host: hostname,
    port: Number(port),
    user: username,
    password,
    database: pathname.slice(1),
  }) as { onReady(): Promise<void>; clearExpiredSessions(): Promise<unknown> }
  await store.onReady()
  return {
    store,
    async sweep() {
      await store.clearExpiredSessions()
    },
  }
}

/** Counts the calls that reach a store. */
export function counted(store: object | null): { readonly calls: () => number } {
  let calls = 0
  const methods = store as Record<string, unknown> | null
  if (methods)
    for (const name of ['get', 'set', 'touch', 'destroy']) {
      const method = methods[name]
      if (typeof method !== 'function') continue
      methods[name] = (...args: unknown[]) => {
        calls += 1
        return method.apply(store, args)
      }
    }
  return { calls: () => calls }
}
