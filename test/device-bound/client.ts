import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request as send } from 'node:https'
import { text } from 'node:stream/consumers'
import { parseList } from 'structured-headers'
import { DeviceKeys } from './device.ts'
import type { Site } from './site.ts'

export interface Got {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** What speaks HTTP with cookies, and does nothing by itself. */
export class Client {
  readonly site: Pick<Site, 'url'>
  readonly cookies = new Map<string, string>()

  constructor(site: Pick<Site, 'url'>, cookies: Iterable<readonly [string, string]> = []) {
    this.site = site
    for (const [name, value] of cookies) this.cookies.set(name, value)
  }

  /** A thief, who has copied all cookies at this moment. */
  copy(): Client {
    return new Client(this.site, this.cookies)
  }

  async send(path: string, init: RequestInit = {}): Promise<Got> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { ...(cookie && { cookie }), ...(init.headers as Record<string, string>) }
    const response = await this.request(path, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? assert.fail(line)
      if (/max-age=0\b/i.test(line)) this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return { status: response.status, headers: response.headers, text: await response.text() }
  }

  protected request(path: string, init: RequestInit): Promise<Response> {
    return fetch(this.site.url + path, init)
  }

  async facts(): Promise<{ userId: string | null; deviceBound: boolean; provedAt: string | null; endsAt: string }> {
    return JSON.parse((await this.send('/facts')).text)
  }

  post(path: string, headers: Record<string, string> = {}): Promise<Got> {
    return this.send(path, { method: 'POST', headers })
  }
}

/** The same over TLS. */
export class SecureClient extends Client {
  readonly #site: Pick<Site, 'port' | 'url'>
  readonly #server: { readonly host: string; readonly certificate: Buffer }

  constructor(
    site: Pick<Site, 'port' | 'url'>,
    cookies: Iterable<readonly [string, string]>,
    server: { readonly host: string; readonly certificate: Buffer },
  ) {
    super(site, cookies)
    this.#site = site
    this.#server = server
  }

  protected override async request(path: string, { method = 'GET', headers }: RequestInit): Promise<Response> {
    const { host, certificate } = this.#server
    const sent = send({
      host: '127.0.0.1',
      port: this.#site.port,
      path,
      method,
      headers: { ...(headers as Record<string, string>), host: `${host}:${this.#site.port}` },
      servername: host,
      ca: certificate,
    }).end()
    const [incoming] = (await once(sent, 'response')) as [IncomingMessage]
    const response = new Response(await text(incoming), { status: incoming.statusCode ?? 0 })
    for (const [name, values = []] of Object.entries(incoming.headersDistinct))
      for (const value of values) response.headers.append(name, value)
    return response
  }
}

/** The offer of a response, by the grammar of structured fields. */
export function offerIn({ headers }: Got): { path: string; challenge: string; algorithms: string[] } | null {
  const field = headers.get('secure-session-registration')
  if (field === null) return null
  const [member] = parseList(field)
  assert.ok(member && Array.isArray(member[0]))
  const [items, parameters] = member
  const algorithms = (items as unknown as [unknown][]).map(([name]) => String(name))
  return { path: String(parameters.get('path')), challenge: String(parameters.get('challenge')), algorithms }
}

function challengeIn({ headers }: Got): { challenge: string; id: string } {
  const [item] = parseList(headers.get('secure-session-challenge') ?? assert.fail('there is no challenge'))
  assert.ok(item)
  return { challenge: String(item[0]), id: String(item[1].get('id')) }
}

/** A browser with Device Bound Session Credentials, step by step. */
export class Browser extends Client {
  keys = new DeviceKeys()
  id = ''
  challenge = ''

  async signIn(path = '/login'): Promise<Got> {
    const got = await this.send(path)
    this.challenge = offerIn(got)?.challenge ?? ''
    return got
  }

  async register(jwt = this.keys.registration(this.challenge)): Promise<Got> {
    const got = await this.post('/device-bound/register', { 'secure-session-response': jwt })
    if (got.status === 200) {
      this.id = JSON.parse(got.text).session_identifier
      this.challenge = challengeIn(got).challenge
    }
    return got
  }

  async refresh(jwt: string | null = this.keys.proof(this.challenge), id = this.id): Promise<Got> {
    const proof: Record<string, string> = jwt === null ? {} : { 'secure-session-response': jwt }
    const got = await this.post('/device-bound/refresh', { 'sec-secure-session-id': id, ...proof })
    if (got.headers.has('secure-session-challenge')) this.challenge = challengeIn(got).challenge
    return got
  }
}

/** Signed in, and bound. */
export async function boundBrowser(site: Pick<Site, 'url'>, path?: string): Promise<Browser> {
  const browser = new Browser(site)
  await browser.signIn(path)
  assert.equal((await browser.register()).status, 200)
  return browser
}
