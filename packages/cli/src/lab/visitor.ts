import { randomBytes } from 'node:crypto'
import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { parseSetCookie, type SetCookie } from 'cookie'
import type { Site } from './site.ts'

/** Cookies by name, as a browser has them. */
export type Cookies = ReadonlyMap<string, string>

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Whom the application takes the visitor for; null for nobody, and where the body does not say. */
  readonly user: string | null
  readonly data: Readonly<Record<string, unknown>>
  readonly setCookies: readonly SetCookie[]
}

export interface SendOptions {
  /** GET for `/read`, and POST for everything else. */
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Hangs up. */
  readonly signal?: AbortSignal
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 })

/** A request with exactly these cookies; the header may also be written by hand. */
export async function send(
  { url, headers }: Pick<Site, 'url' | 'headers'>,
  path: string,
  cookies: Cookies | string | null,
  given: SendOptions = {},
): Promise<Answer> {
  const options = { ...given, headers: { ...headers, ...given.headers } }
  const header = typeof cookies === 'string' || cookies === null ? cookies : headerOf(cookies)
  const target = new URL(path, url)
  try {
    return await exchange(target, header, options)
  } catch (error) {
    // The server closed a connection that had been idle, at the moment when it was used again.
    if ((error as { isStale?: boolean }).isStale !== true) throw error
    return exchange(target, header, options)
  }
}

export const headerOf = (cookies: Cookies): string | null =>
  [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') || null

function exchange(target: URL, cookie: string | null, options: SendOptions): Promise<Answer> {
  const { method = target.pathname === '/read' ? 'GET' : 'POST', headers = {}, signal } = options
  return new Promise((resolve, reject) => {
    const outgoing = request(target, {
      agent,
      method,
      headers: { ...headers, ...(cookie !== null && { cookie }) },
      ...(signal && { signal }),
    })
    outgoing.on('error', (error) => {
      const isStale = outgoing.reusedSocket && 'code' in error && error.code === 'ECONNRESET'
      reject(Object.assign(error, { isStale }))
    })
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve(answerOf(response.statusCode ?? 0, response.headers, Buffer.concat(chunks).toString())),
      )
    })
    outgoing.end()
  })
}

function answerOf(status: number, headers: IncomingHttpHeaders, body: string): Answer {
  const said = stateIn(body)
  return {
    status,
    headers,
    body,
    user: typeof said.user === 'string' ? said.user : null,
    data: typeof said.data === 'object' && said.data !== null ? (said.data as Record<string, unknown>) : {},
    // As it is sent back: a library may have encoded the value once more.
    setCookies: (headers['set-cookie'] ?? []).map((line) => parseSetCookie(line, { decode: (value) => value })),
  }
}

function stateIn(body: string): { user?: unknown; data?: unknown } {
  try {
    const parsed: unknown = JSON.parse(body)
    return typeof parsed === 'object' && parsed !== null ? parsed : {}
  } catch {
    // An error page. The status says it.
    return {}
  }
}

/** A path of the application, with its parameters. */
export const route = (path: string, parameters: Readonly<Record<string, string | number>> = {}): string => {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) query.set(name, String(value))
  return query.size > 0 ? `${path}?${query}` : path
}

/** A browser: it sends the cookies that it was given, and keeps the new ones. */
export class Visitor {
  readonly site: Site
  /** What the browser had before each change, oldest first. */
  readonly past: Cookies[] = []
  #cookies: Cookies

  constructor(site: Site, cookies: Cookies = new Map()) {
    this.site = site
    this.#cookies = cookies
  }

  get cookies(): Cookies {
    return this.#cookies
  }

  /** The value of the session cookie; undefined without one. */
  get cookie(): string | undefined {
    return this.#cookies.get(this.site.cookieName)
  }

  /** All that the browser ever had, and has now: what a thief may have copied at some time. */
  get copies(): readonly Cookies[] {
    return [...this.past, this.#cookies].filter((cookies) => cookies.size > 0)
  }

  /** Puts other cookies into the browser, as a neighbouring host or someone at the keyboard does. */
  plant(cookies: Cookies): void {
    this.past.push(this.#cookies)
    this.#cookies = new Map(cookies)
  }

  /** Sends a request, to another server of the same site if one is named, and takes the cookies of the response. */
  async send(path: string, options: SendOptions & { readonly to?: Site } = {}): Promise<Answer> {
    const answer = await send(options.to ?? this.site, path, this.#cookies, options)
    this.take(answer)
    return answer
  }

  take({ setCookies }: Answer): void {
    if (setCookies.length === 0) return
    const next = new Map(this.#cookies)
    for (const cookie of setCookies) {
      if (isRemoved(cookie)) next.delete(cookie.name)
      else next.set(cookie.name, cookie.value ?? '')
    }
    this.past.push(this.#cookies)
    this.#cookies = next
  }
}

export const isRemoved = ({ value, maxAge, expires }: SetCookie): boolean =>
  (maxAge !== undefined && maxAge <= 0) || (expires !== undefined && expires.getTime() <= Date.now()) || !value

/** A request whose handler waits at a gate. */
export interface Waiting {
  /** Lets the handler go on, and resolves to what it responds. */
  goOn(): Promise<Answer>
  /** Lets the handler go on, and waits for nothing: the client may have left. */
  open(): Promise<void>
}

/**
 * Sends a request that loads its session and then waits. A 501 comes without waiting, because the library has no such operation. Any other
 * response rejects: two requests that follow each other are no race.
 */
export async function waitAtGate(
  visitor: Visitor,
  path: string,
  parameters: Readonly<Record<string, string | number>> = {},
  options: SendOptions & { readonly to?: Site } = {},
): Promise<Waiting> {
  const { to: site = visitor.site } = options
  const gate = randomBytes(6).toString('hex')
  const answer = visitor.send(route(path, { ...parameters, gate }), options)
  // A client that hangs up rejects, perhaps before anybody waits for it.
  answer.catch(() => {})
  const waits = await Promise.race([site.waiting(gate).then(() => true), answer.then(() => false)])
  if (!waits) {
    const { status } = await answer
    if (status !== 501)
      throw new Error(
        `The application responded to ${path} with ${status} and did not wait, so nothing was in parallel.`,
      )
  }
  const open = () => (waits ? site.open(gate) : Promise.resolve())
  return {
    open,
    async goOn() {
      await open()
      return answer
    },
  }
}
