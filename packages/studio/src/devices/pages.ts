import { type Device, type Session, SessionGoneError, StoreError, UnsupportedError } from 'strongroom'
import { assetNamed } from '../assets.ts'
import type { Forms } from '../forms.ts'
import { NO_STORE, SECURITY_HEADERS } from '../headers.ts'
import { type Html, html } from '../html.ts'
import { type Bindings, fieldsOf, pathBelow } from '../mount.ts'
import type { StudioSessions } from '../sessions.ts'
import { documentView, listView, MOST_DEVICES } from './view.ts'
import type { DevicesWords } from './words.ts'

export interface DevicesSettings {
  readonly signIn: string
  readonly stylesheet: string | null
  readonly words: DevicesWords
  readonly forms: Forms
}

type AnySession = Session<Record<string, unknown>>

/** Everything is about the user of the request's own session, and nobody else: no id is taken from a form or an address. */
export class DevicesPages {
  readonly #sessions: StudioSessions
  readonly #settings: DevicesSettings

  constructor(sessions: StudioSessions, settings: DevicesSettings) {
    this.#sessions = sessions
    this.#settings = settings
  }

  async answer(request: Request, bindings: Bindings): Promise<Response> {
    const { base } = bindings
    const path = pathBelow(base, request)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (isRead && path === '/style.css') return style()
    if (isRead ? path !== '/' : request.method !== 'POST' || !['/end', '/end-others'].includes(path))
      return this.#page(404, base, null, '')
    try {
      const session = await this.#ownSession(request)
      const user = session.userId
      if (user === null) return redirect(this.#settings.signIn)
      if (isRead) return await this.#list({ request, session, user, base })
      const fields = await fieldsOf(request, bindings)
      if (!(await this.#settings.forms.isOwn(request, fields)))
        return this.#page(403, base, { text: this.#settings.words.refused, isBad: true }, '')
      return path === '/end'
        ? await this.#end(session, user, { base, handle: fields.handle ?? '' })
        : await this.#endOthers(session, user, base)
    } catch (error) {
      return this.#failed(error, base)
    }
  }

  /** Not from a copy: a thief whose session its owner has ended elsewhere would see the others here, and end them. */
  #ownSession(request: object): Promise<AnySession> {
    return this.#sessions.get(request, { fresh: true })
  }

  async fragment(request: object, base: string): Promise<string> {
    const session = await this.#ownSession(request)
    if (session.userId === null) return ''
    const devices = await this.#devices(session, session.userId)
    const token = await this.#settings.forms.field(request)
    return String(await listView(devices, { base, words: this.#settings.words, token, level: 'h2' }))
  }

  /** The user's devices, the newest of them, and one more where there are more; null for an engine that cannot list them. */
  async #devices(session: AnySession, user: string): Promise<Device[] | null> {
    try {
      const all = this.#sessions.of(user)
      const newest = await all.list(session, { limit: MOST_DEVICES + 1 })
      if (newest.length <= MOST_DEVICES || newest.some(({ current }) => current)) return newest
      // The one that looks is older than these. Without it, nobody could tell which is which, or sign out here.
      const own = (await all.list(session)).find(({ current }) => current)
      return own ? [own, ...newest] : newest
    } catch (error) {
      if (error instanceof UnsupportedError) return null
      throw error
    }
  }

  async #list({ request, session, user, base }: { request: Request; session: AnySession; user: string; base: string }) {
    const devices = await this.#devices(session, user)
    const token = await this.#settings.forms.field(request)
    const list = listView(devices, { base, words: this.#settings.words, token, level: 'h1' })
    return this.#page(200, base, this.#notice(new URL(request.url).searchParams), list)
  }

  async #end(session: AnySession, user: string, { base, handle }: { base: string; handle: string }): Promise<Response> {
    if (handle === session.handle) {
      session.logout()
      return redirect(this.#settings.signIn)
    }
    const ended = await this.#sessions.of(user).revoke(handle)
    return redirect(`${base}/?done=${ended ? 'one' : 'none'}`)
  }

  async #endOthers(session: AnySession, user: string, base: string): Promise<Response> {
    const count = await this.#sessions.of(user).revokeOthers(session)
    return redirect(`${base}/?done=others${count === null ? '' : `&count=${count}`}`)
  }

  /** From the address: words of ours and a number, because anyone can write an address. */
  #notice(query: URLSearchParams): { text: string; isBad: boolean } | null {
    const { ended, endedBefore, endedOthers, endedOthersUncounted } = this.#settings.words
    const count = query.get('count')
    const others = /^\d{1,7}$/.test(count ?? '') ? endedOthers.replace('{count}', String(count)) : endedOthersUncounted
    const text = new Map([
      ['one', ended],
      ['none', endedBefore],
      ['others', others],
    ]).get(query.get('done') ?? '')
    return text === undefined ? null : { text, isBad: false }
  }

  #failed(error: unknown, base: string): Promise<Response> {
    const { words } = this.#settings
    if (error instanceof SessionGoneError) return this.#page(409, base, { text: words.gone, isBad: true }, '')
    if (error instanceof StoreError) return this.#page(503, base, { text: words.failed, isBad: true }, '')
    throw error
  }

  async #page(status: number, base: string, notice: { text: string; isBad: boolean } | null, body: Html | string) {
    const { words, stylesheet } = this.#settings
    const back = notice?.isBad ? html`<p><a href="${base}/">${words.title}</a></p>` : body
    const text = await documentView({ base, words, stylesheet, notice }, status === 404 ? '404' : back)
    return new Response(String(text), {
      status,
      headers: {
        ...SECURITY_HEADERS,
        'Content-Security-Policy': CSP,
        'Content-Type': 'text/html; charset=utf-8',
        'Cache-Control': NO_STORE,
      },
    })
  }
}

/** Without scripts. */
const CSP =
  "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const redirect = (to: string): Response =>
  new Response(null, { status: 303, headers: { Location: to, 'Cache-Control': NO_STORE } })

function style(): Response {
  const asset = assetNamed('devices.css')
  return new Response(asset?.body ?? '', {
    headers: {
      'Content-Type': 'text/css; charset=utf-8',
      'Cache-Control': 'public, max-age=3600',
      'X-Content-Type-Options': 'nosniff',
    },
  })
}
