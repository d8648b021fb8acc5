import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as ask, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createDjangoSessions } from '../../packages/django/src/sessions.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { StrongroomError } from '../../packages/strongroom/src/errors.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { startDaemon } from '../servers/daemon.ts'
import { PYTHON, SECRET } from './peer.ts'
import { hashOf, type Storage, type Users } from './storages.ts'

/** A Django project and a Node application with the same storage. */
export interface Site {
  readonly django: string
  readonly node: string
  /** The events of the Node side. Tests empty it. */
  readonly events: SessionEvent[]
  readonly users: Users
  idOf(name: string): Promise<string>
  tamper?(key: string): Promise<unknown>
  left?(key: string): Promise<number>
  /** Sets both clocks ahead. */
  ahead(seconds: number): Promise<void>
  close(): Promise<void>
}

export async function startSite(storage: Storage): Promise<Site> {
  const { settings, engine, users: connect, tamper, left, close } = await storage.open()
  const project = await startDaemon({
    name: 'django',
    command: PYTHON,
    args: ({ port }) => [
      '-B',
      join(import.meta.dirname, 'site.py'),
      `${port}`,
      JSON.stringify({ SECRET_KEY: SECRET, ...settings }),
    ],
    answers: ({ port }) => fetch(`http://127.0.0.1:${port}/state`),
  }).catch(async (error) => {
    await close()
    throw error
  })
  const django = `http://127.0.0.1:${project.port}`
  const users = connect()
  const idOf = async (name: string) => String(await users.ask('SELECT id FROM auth_user WHERE username = ?', name))
  let ahead = 0
  const events: SessionEvent[] = []
  const sessions = createDjangoSessions({
    store: engine,
    storeTimeout: '30s',
    secretKey: SECRET,
    cookie: { secure: false },
    password: async (id) => (await users.ask('SELECT password FROM auth_user WHERE id = ?', id)) as string | null,
    clock: () => Date.now() + ahead * 1000,
    on: (event) => events.push(event),
  })
  const views = viewsOver(users, idOf)
  async function show(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const body: Buffer[] = []
    for await (const chunk of request) body.push(chunk)
    const session = await sessions.get(request)
    await views[url.pathname]?.(session, url.searchParams, Buffer.concat(body).toString())
    const keys = session.keys().filter((key) => key !== '_session_expiry')
    const data = JSON.stringify(Object.fromEntries(keys.map((key) => [key, session.get(key)])))
    response.end(JSON.stringify({ user: session.userId, data }))
  }
  const application = createServer(
    withSessions(sessions, async (request, response) => {
      try {
        await show(request, response)
      } catch (error) {
        if (error instanceof StrongroomError) throw error
        response.writeHead(500).end(String(error))
      }
    }),
  ).listen(0, '127.0.0.1')
  await once(application, 'listening')
  return {
    ...{ django, events, users, idOf },
    ...(tamper && { tamper }),
    ...(left && { left }),
    node: `http://127.0.0.1:${(application.address() as AddressInfo).port}`,
    async ahead(seconds) {
      ahead = seconds
      await fetch(`${django}/ahead?seconds=${seconds}`)
    },
    async close() {
      application.close()
      application.closeAllConnections()
      await sessions.close()
      await users.close()
      await project.stop()
      await close()
    },
  }
}

type View = (session: Session<Record<string, unknown>>, query: URLSearchParams, body: string) => unknown

/** The views of site.py, in Node. */
function viewsOver(users: Users, idOf: (name: string) => Promise<string>): Readonly<Record<string, View>> {
  return {
    '/put'(session, _, body) {
      for (const [key, value] of Object.entries(JSON.parse(body))) session.set(key, value)
    },
    '/delete': (session, query) => session.delete(String(query.get('key'))),
    async '/login'(session, query) {
      const name = String(query.get('name'))
      const field = String(await users.ask('SELECT password FROM auth_user WHERE username = ?', name))
      const [, iterations, salt] = field.split('$')
      assert.equal(hashOf(String(query.get('password')), salt, Number(iterations)), field)
      session.login(await idOf(name), proofIn(query))
    },
    '/step-up': (session, query) => session.stepUp(proofIn(query)),
    '/danger': (session, query) => session.requireFresh('10m', { level: Number(query.get('level') ?? 1) }),
    '/logout': (session) => session.logout(),
    '/renew': (session) => session.renew(),
    async '/password'(session, query) {
      const id = String(session.userId)
      await users.change('UPDATE auth_user SET password = ? WHERE id = ?', [hashOf(String(query.get('to'))), id])
      // As update_session_auth_hash.
      session.credentialChanged()
    },
    '/expiry'(session, query) {
      const to = JSON.parse(String(query.get('to')))
      session.setExpiry(to !== null && typeof to === 'object' ? new Date(to.at) : to)
    },
  }
}

const proofIn = (query: URLSearchParams) => ({
  method: query.get('method') ?? undefined,
  level: query.has('level') ? Number(query.get('level')) : undefined,
})

export interface Answer {
  readonly user: string | null
  /** The JSON of the session's data. */
  readonly data: string
}

/** A browser with one cookie jar for both. */
export class Browser {
  cookie: string | null = null
  /** The last Set-Cookie header of the session. */
  line: string | null = null

  constructor(cookie: string | null = null) {
    this.cookie = cookie
  }

  async ask(base: string, path: string, body?: string): Promise<Answer> {
    const response = await fetch(base + path, {
      ...(body !== undefined && { method: 'POST', body }),
      headers: this.cookie === null ? {} : { cookie: `sessionid=${this.cookie}` },
    })
    const text = await response.text()
    assert.equal(response.status, 200, text.slice(0, 500))
    this.line = null
    for (const line of response.headers.getSetCookie()) {
      const [, value] = /^sessionid="?([^;"]*)/.exec(line) ?? []
      if (value === undefined) continue
      this.line = line
      this.cookie = value === '' || /max-age=0\b/i.test(line) ? null : value
    }
    return JSON.parse(text)
  }

  async user(base: string): Promise<string | null> {
    return (await this.ask(base, '/state')).user
  }

  async data(base: string): Promise<unknown> {
    return JSON.parse((await this.ask(base, '/state')).data)
  }
}

/** Makes a request with exactly this Cookie header, even if no browser would send it. */
export async function askWith(base: string, cookie: string): Promise<{ status: number; text: string }> {
  const request = ask(`${base}/state`, { headers: { cookie } }).end()
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode, text }
}
