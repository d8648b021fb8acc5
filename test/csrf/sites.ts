import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
  request as send,
} from 'node:http'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import framework, { type Response as ExpressResponse } from 'express'
import framework4 from 'express4'
import { Hono } from 'hono'
import * as forExpress from '../../packages/strongroom/src/adapters/express.ts'
import * as forFetch from '../../packages/strongroom/src/adapters/fetch.ts'
import * as forHono from '../../packages/strongroom/src/adapters/hono.ts'
import * as forNode from '../../packages/strongroom/src/adapters/node.ts'
import { StrongroomError } from '../../packages/strongroom/src/errors.ts'
import type { BaseSessions } from '../../packages/strongroom/src/sessions.ts'
import { listening } from '../adapters/serve.ts'

type AnySessions = BaseSessions<Record<string, unknown>>
type Options = forExpress.CsrfOptions

/**
 * What every site does: `/token` and `/page` respond with a token, `/login` signs `ada` in and responds with one, `/sign-in` without, `/again` renews,
 * `/logout` ends the session, and everything else responds with the field `note` of the form that was sent, or with its body.
 */
async function respond(
  sessions: AnySessions,
  request: object,
  path: string,
  note: () => Promise<unknown>,
): Promise<string> {
  if (path === '/token') return sessions.csrfToken(request)
  if (path === '/page')
    return `<form method="post" action="/change"><input name="_csrf" value="${await sessions.csrfToken(request)}">`
  if (path === '/login' || path === '/sign-in' || path === '/logout' || path === '/again' || path === '/basket') {
    const session = await sessions.get(request)
    if (path === '/login' || path === '/sign-in') session.login('ada')
    if (path === '/again') session.renew()
    if (path === '/logout') session.logout()
    if (path === '/basket') session.set('basket', ['tea'])
    return path === '/login' ? sessions.csrfToken(request) : 'done'
  }
  return `changed ${String(await note())}`
}

/** The field `note` of a form, or the body itself. */
async function noteOf(body: string, type: string): Promise<string> {
  if (!/form/.test(type)) return body
  const form = await new Response(body, { headers: { 'content-type': type } }).formData()
  return String(form.get('note'))
}

/** By name, a site behind `csrf` of each adapter, as its documentation says. */
export const SITES: Readonly<Record<string, (sessions: AnySessions, options?: Options) => RequestListener>> = {
  'express 5': (sessions, options) => expressSite(framework().set('env', 'test'), sessions, options),
  'express 4': (sessions, options) => expressSite(framework4().set('env', 'test') as never, sessions, options),
  hono(sessions, options) {
    const app = new Hono()
    app.use(forHono.strongroom(sessions), forHono.csrf(sessions, options))
    app.all('*', async (c) => {
      const note = async () => noteOf(await c.req.text(), c.req.header('content-type') ?? '')
      return c.text(await respond(sessions, c, c.req.path, note))
    })
    return getRequestListener(app.fetch)
  },
  fetch(sessions, options) {
    const check = forFetch.csrf(sessions, options)
    const handler = forFetch.withSessions(sessions, async (request) => {
      await check(request)
      const note = async () => noteOf(await request.text(), request.headers.get('content-type') ?? '')
      return new Response(await respond(sessions, request, new URL(request.url).pathname, note))
    })
    return getRequestListener(handler)
  },
  node(sessions, options) {
    const check = forNode.csrf(sessions, options)
    return forNode.withSessions(sessions, async (request, response) => {
      const body = await text(request)
      const type = request.headers['content-type'] ?? ''
      const form = /form/.test(type) ? await new Response(body, { headers: { 'content-type': type } }).formData() : null
      await check(request, form?.get('_csrf') as string | null | undefined)
      response.end(await respond(sessions, request, request.url ?? '', () => noteOf(body, type)))
    })
  },
}

type ExpressApp = ReturnType<typeof framework>

/** multipart needs another parser, such as multer, which puts the fields into `request.body` as well. */
async function multipart(
  request: IncomingMessage & { body?: unknown },
  _: ServerResponse,
  next: (error?: unknown) => void,
) {
  const type = request.headers['content-type'] ?? ''
  if (!type.startsWith('multipart/')) return next()
  const form = await new Response(await text(request), { headers: { 'content-type': type } }).formData()
  request.body = Object.fromEntries(form)
  next()
}

function expressSite(app: ExpressApp, sessions: AnySessions, options?: Options): RequestListener {
  app.use(framework.urlencoded({ extended: false }), framework.json(), framework.text(), multipart as never)
  app.use(forExpress.strongroom(sessions), forExpress.csrf(sessions, options))
  app.use(async (request, response, next) => {
    const note = async () => (typeof request.body === 'object' ? request.body.note : request.body)
    await respond(sessions, request, request.path, note).then((body) => response.send(body), next)
  })
  // Express' own error page shows the stack.
  app.use((error: unknown, _request: unknown, response: ExpressResponse, next: (error: unknown) => void) => {
    if (!(error instanceof StrongroomError)) return next(error)
    response.status(error.status).send(`${error.publicMessage}\n`)
  })
  return app
}

export interface Reply {
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** `name=value` of the session cookie that was set, or null. */
  readonly cookie: string | null
}

export interface Ask {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: string | undefined
  /** False: the request goes on, and nothing more of it comes. */
  readonly ends?: boolean | undefined
}

/** Sends exactly these headers, also those that no browser lets a page write. */
export async function ask(
  url: string,
  { method = 'POST', path = '/change', headers = {}, body, ends = true }: Ask,
): Promise<Reply> {
  const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
  return new Promise((resolve, reject) => {
    const outgoing = send(
      new URL(path, url),
      { method, headers: given as Record<string, string> },
      async (incoming) => {
        const body = await text(incoming)
        const cookie = incoming.headers['set-cookie']?.at(-1)?.split(';')[0] ?? null
        resolve({ status: incoming.statusCode ?? 0, body, headers: incoming.headers, cookie })
        if (!ends) outgoing.destroy()
      },
    )
    outgoing.on('error', reject)
    if (ends) outgoing.end(body)
    else outgoing.write(body)
  })
}

/** Serves a site until the end of the test. */
export async function serving(t: TestContext, listener: RequestListener): Promise<string> {
  const { url, close } = await listening(createServer(listener))
  t.after(close)
  return url
}
