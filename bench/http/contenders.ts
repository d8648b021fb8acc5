import { serve } from './application.ts'
import type { Contender } from './contender.ts'
import { cookiePeers } from './cookie-peers.ts'
import { expressSessions } from './express-session.ts'
import { fastifySessionOnRedis } from './fastify-session.ts'
import { limits } from './limits.ts'
import { cookieOnFastify, redisOnFastify } from './on-fastify.ts'
import { onKoa } from './on-koa.ts'
import { serverEngines } from './server-engines.ts'
import { ours } from './strongroom.ts'

export const NO_SESSION = 'express, no session'

const noSession = (name: string): Contender => {
  const nothing = (_request: unknown, response: { json(body: object): unknown }) => {
    response.json({})
  }
  return {
    name,
    limit: NO_SESSION,
    routes: ['untouched'],
    trustsAnyCookie: true,
    listen: () => serve({ read: nothing, readObject: nothing, write: nothing, login: nothing }),
  }
}

/** Process memory in front of a server: compared with what memory can do. */
const overServers = serverEngines.filter(({ limit }) => limit === 'limit: memory')

/** In the order in which they take turns: those that are compared come close to each other. */
export const contenders: readonly Contender[] = [
  noSession(NO_SESSION),
  // The same application again: the difference between the two shows how precise the other figures are.
  noSession('express, no session (again)'),
  ...['memory', 'file', 'sqlite', 'cookie'].flatMap((kind) =>
    [...limits, ...expressSessions, ...cookiePeers, ...ours, ...overServers].filter(
      ({ limit }) => limit === `limit: ${kind}`,
    ),
  ),
  ...cookiePeers.filter(({ limit }) => limit === 'fastify'),
  cookieOnFastify,
  ...onKoa,
  ...serverEngines.filter((contender) => !overServers.includes(contender)),
  fastifySessionOnRedis,
  redisOnFastify,
]

export const isOurs = (name: string): boolean => name.startsWith('strongroom ')

/** One of ours that differs from the defaults in an option, which its name says after a comma. */
export const isVariant = (name: string): boolean => isOurs(name) && name.includes(',')

/** The application of express-session, with one other import. */
export const isDropIn = (name: string): boolean => name.startsWith('drop-in ')

/** Another library, and neither ours nor a limit nor an application without sessions. */
export const isPeer = ({ name, limit }: Contender): boolean =>
  !isOurs(name) && !isDropIn(name) && name !== limit && limit !== NO_SESSION

export function contenderOf(name: string): Contender {
  const found = contenders.find((contender) => contender.name === name)
  if (found) return found
  throw new Error(`No contender is called "${name}". There are: ${contenders.map(({ name }) => name).join('; ')}.`)
}
