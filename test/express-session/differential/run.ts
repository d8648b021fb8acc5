import { createServer } from 'node:http'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import type { SessionOptions } from 'express-session'
import { type Exchange, http1, type Incoming } from '../../../packages/strongroom/src/testing/adapter/client.ts'
import { turns } from '../../../packages/strongroom/src/testing/adapter/gate.ts'
import { listening } from '../../adapters/serve.ts'

/** The function of express-session, or of what takes its place. */
export type SessionFunction = (options: SessionOptions) => express.RequestHandler

/** Data of any shape: the applications of these tests declare nothing. */
export type LooseSession = Request['session'] & { [key: string]: unknown }
export type LooseRequest = Omit<Request, 'session'> & { session: LooseSession; sessionID: string }

/** What a handler says of what it has seen. */
export interface Notes {
  note(...values: unknown[]): void
  /** A name for an id, the same for the same id: ids themselves differ. */
  id(value: unknown): string
}

export type Handler = (request: LooseRequest, response: Response, notes: Notes, next: NextFunction) => unknown

export interface Step {
  readonly path: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent instead of what the jar has; a function gets that. */
  readonly cookie?: string | ((jar: string) => string)
  /** Ms that pass before. */
  readonly after?: number
  /** Another visitor than the usual one. */
  readonly visitor?: string
}

export interface Case {
  readonly title: string
  readonly options?: Partial<SessionOptions>
  readonly handlers?: Readonly<Record<string, Handler>>
  /** Of the application, in place of `app.use(session(options))`. */
  readonly mount?: (app: Express, session: SessionFunction, options: SessionOptions) => void
  readonly script: readonly (string | Step)[]
}

/** What a client has seen of each request, and what handlers have: a line each. */
export type Seen = ReadonlyMap<string, string>

let offset = 0
const now = Date.now
// Before anything else keeps a reference to it: time passes when a step says so.
Date.now = () => now() + offset

const SECRET = 'a secret of thirty-two bytes or more'

/** Runs the requests of a case, one after another. */
export async function seenBy(session: SessionFunction, { options, handlers = {}, mount, script }: Case): Promise<Seen> {
  offset = 0
  let notes: string[] = []
  const ids = new Map<unknown, string>()
  const id = (value: unknown) => {
    if (typeof value !== 'string') return String(value)
    const name = ids.get(value) ?? `id ${ids.size + 1}`
    ids.set(value, name)
    return name
  }
  const note = (...values: unknown[]) => void notes.push(values.map(shown).join(' '))

  const app = express().set('env', 'test').set('etag', false)
  const all: SessionOptions = { secret: SECRET, resave: false, saveUninitialized: false, ...options }
  app.use((_request, response, next) => {
    // Without a listener, it would end the process.
    response.on('error', () => note('error of the response'))
    next()
  })
  if (mount) mount(app, session, all)
  else app.use(session(all))
  for (const [path, handler] of Object.entries(handlers))
    app.all(path, (request, response, next) =>
      handler(request as unknown as LooseRequest, response, { note, id }, next),
    )
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    note('error handler', error instanceof Error)
    if (!response.headersSent) response.status(500).send('failed')
    if (response.headersSent) return
    // The response was swallowed, and its client would wait for ever.
    note('hangs')
    request.socket.destroy()
  })

  const { url, close } = await listening(createServer(app))
  const client = http1(url)
  const jars = new Map<string, Map<string, { value: string; path: string }>>()
  const seen = new Map<string, string>()
  try {
    for (const [index, given] of script.entries()) {
      const step: Step = typeof given === 'string' ? { path: given } : given
      const { path, method = 'GET', headers = {}, cookie, after = 0, visitor = 'visitor' } = step
      offset += after
      notes = []
      const jar = jars.get(visitor) ?? new Map()
      jars.set(visitor, jar)
      const own = [...jar].filter(([, { path: scope }]) => path.startsWith(scope))
      const line = own.map(([name, { value }]) => `${name}=${value}`).join('; ')
      const sent = typeof cookie === 'function' ? cookie(line) : (cookie ?? line)
      const answer = await answered(
        client.begin({ path, method, headers: { ...headers, ...(sent && { cookie: sent }) } }),
      )
      // What is done after the response.
      await turns(25)
      const named = (name: string) => answer.lines.filter((each) => each[0] === name).map((each) => each[1])
      const at = `${index + 1} ${method === 'GET' ? '' : `${method} `}${path}`
      seen.set(`${at}: response`, `${answer.status} ${named('location')}${answer.body}`)
      seen.set(`${at}: cookies`, named('set-cookie').map(attributesOf).sort().join(', '))
      seen.set(`${at}: handler`, notes.join(' | '))
      for (const each of named('set-cookie')) keep(jar, each)
    }
  } finally {
    client.close()
    await close()
    offset = 0
  }
  return seen
}

interface Answer {
  readonly status: number
  readonly lines: Incoming['lines']
  readonly body: string
}

/** A response that has not come by then never will. */
const LIMIT = 10_000

async function answered({ response, leave }: Exchange): Promise<Answer> {
  const timer = setTimeout(leave, LIMIT)
  try {
    const { status, lines, body } = await response
    const chunks: Buffer[] = []
    try {
      for await (const chunk of body) chunks.push(chunk)
    } catch {
      chunks.push(Buffer.from(' cut off'))
    }
    return { status, lines, body: Buffer.concat(chunks).toString() }
  } catch {
    return { status: 0, lines: [], body: 'no response' }
  } finally {
    clearTimeout(timer)
  }
}

const shown = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value)))

/** Without the value, and with an expiry in quarters of a minute from now. */
function attributesOf(line: string): string {
  const [pair = '', ...attributes] = line.split('; ')
  const at = pair.indexOf('=')
  const kept = attributes.map((attribute) => {
    const moment = /^Expires=(.+)$/.exec(attribute)?.[1]
    if (moment === undefined) return attribute
    const seconds = (Date.parse(moment) - Date.now()) / 1000
    return seconds <= 0 ? 'Expires=past' : `Expires=+${Math.round(seconds / 15) / 4}min`
  })
  return [`${pair.slice(0, at)}${at + 1 === pair.length ? ' removed' : ''}`, ...kept.sort()].join('; ')
}

function keep(jar: Map<string, { value: string; path: string }>, line: string): void {
  const [pair = '', ...attributes] = line.split('; ')
  const at = pair.indexOf('=')
  const named = (name: string) => attributes.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1)
  const expires = named('Expires')
  if (expires !== undefined && Date.parse(expires) <= Date.now()) jar.delete(pair.slice(0, at))
  else jar.set(pair.slice(0, at), { value: pair.slice(at + 1), path: named('Path') ?? '/' })
}
