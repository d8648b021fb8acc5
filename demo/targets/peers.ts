import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import cookieSession from 'cookie-session'
import session, { type Store } from 'express-session'
import { blockedFolder, filesIn } from './files.ts'
import { peerApp } from './peer-app.ts'
import { serve } from './serve.ts'
import type { Cookies, Row, Target } from './target.ts'

interface ExpressSession {
  readonly name: string
  readonly title: string
  readonly seal: string
  /** Does a login begin a new session? */
  readonly regenerates: boolean
}

/** Twice, because applications write their own login with it. */
export const EXPRESS_SESSIONS: readonly ExpressSession[] = [
  { name: 'express-session', title: 'express-session', seal: 'JSON, in files', regenerates: false },
  {
    ...{ name: 'express-session-regenerate', title: 'express-session, regenerate()', regenerates: true },
    seal: 'the same, with the login of its README',
  },
]

/**
 * express-session with files in a folder of its own, under secrets of its own. The files are readable, so they end with the demo;
 * those of a demo that was killed end when the next one begins.
 */
export async function expressSessionTarget(key: string, path: string, variant: ExpressSession): Promise<Target> {
  const { name, title, seal, regenerates } = variant
  const clear = () => {
    for (const end of ['', '-away']) rmSync(path + end, { recursive: true, force: true })
  }
  clear()
  mkdirSync(path, { mode: 0o700 })
  // It has no types of its own.
  const FileStore = createRequire(import.meta.url)('session-file-store')(session) as new (options: object) => Store
  const middleware = session({
    name,
    store: new FileStore({ path, retries: 0, reapInterval: -1, logFn: () => undefined }),
    secret: randomBytes(32).toString('hex'),
    resave: false,
    saveUninitialized: false,
    cookie: { sameSite: 'lax' },
  })
  const served = await serve(peerApp(middleware, { regenerates }), key)
  return {
    name,
    title,
    family: 'peer',
    seal,
    traits: null,
    url: served.url,
    isOwnCookie: (given) => given === name,
    rowOf: async (cookies) => rowIn(path, cookies.get(name)),
    place: 'in files',
    files: () => filesIn(path),
    outage: blockedFolder(path),
    async close() {
      await served.close()
      clear()
    },
  }
}

/** The file is named by the session's id, which stands in the cookie before its signature: `s:ID.SIGNATURE`. */
function rowIn(folder: string, cookie = ''): Row | null {
  const [, id = ''] = /^s:([\w-]+)\./.exec(decodeURIComponent(cookie)) ?? []
  const name = `${id}.json`
  if (!id || !readdirSync(folder).includes(name)) return null
  const path = join(folder, name)
  return { bytes: readFileSync(path), kind: 'plain', put: async (bytes) => writeFileSync(path, bytes) }
}

export async function cookieSessionTarget(key: string): Promise<Target> {
  const name = 'cookie-session'
  const middleware = cookieSession({ name, keys: [randomBytes(32).toString('hex')], sameSite: 'lax' })
  const served = await serve(peerApp(middleware), key)
  return {
    name,
    title: 'cookie-session',
    family: 'peer',
    seal: 'signed, readable',
    traits: null,
    url: served.url,
    isOwnCookie: (given) => given === name || given === `${name}.sig`,
    rowOf: async (_: Cookies) => null,
    place: 'in the browser',
    files: async () => [],
    outage: 'The server stores nothing, so there is nothing to stop.',
    close: () => served.close(),
  }
}
