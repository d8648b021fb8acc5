import { parseSetCookie } from 'cookie'
import { ask, type Question, type Reply } from '../targets/ask.ts'
import type { Cookies, Target } from '../targets/target.ts'
import type { Step } from './finding.ts'

/** An HTTP client with a cookie jar, which writes down what it does. */
export class Browser {
  readonly who: string
  readonly #target: Pick<Target, 'url'>
  readonly #key: string
  readonly #steps: Step[]
  #cookies = new Map<string, string>()

  constructor(who: string, { target, key, steps }: { target: Pick<Target, 'url'>; key: string; steps: Step[] }) {
    this.who = who
    this.#target = target
    this.#key = key
    this.#steps = steps
  }

  get cookies(): Cookies {
    return this.#cookies
  }

  /** Rejects when the application fails: an attack that met an error has found nothing, least of all that it was held. */
  async get(path: string): Promise<Reply> {
    return unlessFailed(await this.#send('GET', path, {}))
  }

  async post(path: string, fields: Readonly<Record<string, string>> = {}): Promise<Reply> {
    return unlessFailed(await this.#send('POST', path, fields))
  }

  /** A post that may fail. */
  attempt(path: string): Promise<Reply> {
    return this.#send('POST', path, {})
  }

  /** Takes the cookies of another browser, as malware or a curious colleague would: a copy, which the other does not notice. */
  copyCookies(from: Browser, what = `copies the cookie of ${from.who}`): void {
    this.#cookies = new Map(from.#cookies)
    this.note(what)
  }

  /**
   * Loads the page once with other cookies, without a step of its own. An application that fails on what was altered has not used it;
   * a store that does not answer says nothing.
   */
  async try(cookies: Cookies): Promise<Reply> {
    const reply = await ask(this.#target, this.#key, { method: 'GET', path: '/me', cookies })
    return reply.status === 503 ? unlessFailed(reply) : reply
  }

  /** Ends the session that an attack has left behind, if it can be ended. Never rejects. */
  async leave(): Promise<void> {
    const cookies = this.#cookies
    if (cookies.size > 0)
      await ask(this.#target, this.#key, { method: 'POST', path: '/logout', cookies }).catch(() => null)
  }

  note(what: string, answer = ''): void {
    this.#steps.push({ who: this.who, what, status: null, answer, holds: this.#holding() })
  }

  async #send(method: Question['method'], path: string, fields: Readonly<Record<string, string>>): Promise<Reply> {
    const reply = await ask(this.#target, this.#key, { method, path, fields, cookies: this.#cookies })
    for (const line of reply.setCookie) this.#store(line)
    const given = Object.entries(fields).map(([name, value]) => `${name}=${value}`)
    const what = [method, path, ...given].join(' ')
    this.#steps.push({ who: this.who, what, status: reply.status, answer: told(reply), holds: this.#holding() })
    return reply
  }

  #store(line: string): void {
    // Values are stored as they came: what they mean is the application's business.
    const { name, value = '', maxAge, expires } = parseSetCookie(line, { decode: (text) => text })
    const over = maxAge === 0 || (expires !== undefined && expires.getTime() <= Date.now())
    if (over || value === '') this.#cookies.delete(name)
    else this.#cookies.set(name, value)
  }

  #holding(): string {
    const names = [...this.#cookies].map(([name, value]) => `${name}=${value.slice(0, 10)}…`)
    return names.length > 0 ? names.join(' ') : 'no cookie'
  }
}

function unlessFailed(reply: Reply): Reply {
  if (reply.status < 500) return reply
  throw new Error(`the application answered with ${reply.status}, although nobody had stopped it`)
}

function told({ status, user, note, count }: Reply): string {
  if (status !== 200) return 'an error, and no data'
  const data = [note !== null && `note “${note}”`, count > 0 && `count ${count}`].filter(Boolean).join(', ')
  return `${user === null ? 'nobody is signed in' : `signed in as ${user}`}${data && `, ${data}`}`
}
