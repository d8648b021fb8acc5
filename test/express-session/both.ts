import { suite } from 'node:test'
import type express from 'express'
import type { SessionOptions } from 'express-session'
import expressSession from 'express-session'
import type { Response } from 'supertest'
import dropIn from '../../packages/strongroom/src/express-session/session.ts'

/** The middleware of a session, with these options beside those that everybody sets. */
export type SessionFunction = (options?: Partial<SessionOptions>) => express.RequestHandler

const SECRET = 'a secret of thirty-two bytes or more'
const sessions =
  (session: (options: never) => unknown): SessionFunction =>
  (options) =>
    session({ secret: SECRET, resave: false, saveUninitialized: false, ...options } as never) as express.RequestHandler

/**
 * A suite that runs twice: with express-session itself, which proves that the tests expect what applications have, and with the
 * drop-in.
 */
export function both(title: string, tests: (session: SessionFunction) => void): void {
  for (const [name, session] of [
    ['express-session', sessions(expressSession)],
    ['strongroom/express-session', sessions(dropIn)],
  ] as const)
    suite(`${title}, with ${name}`, { timeout: 20_000 }, () => tests(session))
}

/** The cookie of a session, as a response has set it, for a Cookie header. */
export function cookieOf({ headers }: Pick<Response, 'headers'>, name = 'connect.sid'): string {
  const lines = ([] as string[]).concat(headers['set-cookie'] ?? [])
  const line = lines.find((each) => each.startsWith(`${name}=`))
  if (line === undefined) throw new Error(`The response set no cookie ${name}.`)
  return line.slice(0, line.indexOf(';'))
}

/** Data of any shape. */
export type LooseSession = express.Request['session'] & { [key: string]: unknown }
export const sessionOf = (request: express.Request) => request.session as LooseSession
