import assert from 'node:assert/strict'
import express, { type Express } from 'express'
import session from 'express-session'
import type { RunningServer } from '../../packages/strongroom/src/testing/index.ts'
import { environment } from './serve.ts'

export const SECRET = 'keyboard cat'

interface Data {
  passport?: { user: string }
  cart?: string[]
}

const dataOf = (request: express.Request) => request.session as session.Session & Data

/** One browser: it stores what responses set, and forgets what they remove. */
export class Browser {
  readonly cookies = new Map<string, string>()

  constructor(cookies: Iterable<readonly [string, string]> = []) {
    this.cookies = new Map(cookies)
  }

  /** Another browser, or a thief, with the same cookies. */
  copy(): Browser {
    return new Browser(this.cookies)
  }

  async ask(server: RunningServer, path: string): Promise<unknown> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(`${server.url}${path}`, { headers: { cookie } })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    const text = await response.text()
    assert.equal(response.status, 200, text)
    return JSON.parse(text)
  }
}

/** Where a slow request waits. */
export function hold() {
  let [begin, release] = [() => {}, () => {}]
  const began = new Promise<void>((resolve) => {
    begin = resolve
  })
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  return { began, begin: () => begin(), held, release: () => release() }
}

/** The application as it was: express-session, and what Passport stores. */
export function oldApplication(
  store: session.Store,
  slow: () => ReturnType<typeof hold>,
  options: Partial<session.SessionOptions> = {},
): Express {
  const app = express().set('env', environment())
  app.use(session({ store, secret: SECRET, resave: false, saveUninitialized: false, ...options }))
  app.get('/login', (request, response, next) => {
    request.session.regenerate((error) => {
      if (error) return next(error)
      Object.assign(dataOf(request), { passport: { user: request.query.user }, cart: ['tea'] })
      response.json('welcome')
    })
  })
  const add = (request: express.Request, item: string) => {
    const data = dataOf(request)
    data.cart = [...(data.cart ?? []), item]
  }
  app.get('/add', (request, response) => {
    add(request, 'milk')
    response.json('added')
  })
  app.get('/slow', async (request, response) => {
    const { begin, held } = slow()
    begin()
    await held
    add(request, 'late')
    response.json('added')
  })
  app.get('/me', (request, response) => {
    const { passport, cart } = dataOf(request)
    response.json({ user: passport?.user ?? null, cart: cart ?? [] })
  })
  return app
}
