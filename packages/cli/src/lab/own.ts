import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AnySessions } from '../config.ts'
import { type Attack, NotRun } from './attack.ts'
import { gates } from './calls.ts'
import { Deferred } from './deferred.ts'
import type { RowInfo } from './report.ts'
import { type AnySessions as LabSessions, listenerOn } from './routes.ts'
import type { Row, Site, Storage } from './site.ts'
import { send } from './visitor.ts'

/**
 * A row for the sessions of a user's own configuration: an application of the lab in this process, on their sessions and with their
 * cookie. It makes users and sessions of its own, and ends them; nothing of theirs is listed, read or altered, no matter who sends a
 * request. So it has no rows, no files and no clock, and only attacks that do no harm are to be run on it.
 */
export function ownRow(sessions: AnySessions, name: string): Row {
  const { engine, seal, traits } = sessions.policy
  const info: Omit<RowInfo, 'version'> = {
    name,
    family: 'strongroom',
    engine: engine.split(' ', 1)[0] ?? engine,
    seal,
    traits,
  }
  return { ...info, start: () => startOwn(sessions, info) }
}

/** Those that leave a user's store and sessions as they were, and are about these: what errors tell is up to their application. */
export const harmless = (attacks: readonly Attack[]): Attack[] =>
  attacks.filter((attack) => attack.harmless && attack.name !== 'error-pages')

async function startOwn(sessions: AnySessions, info: Omit<RowInfo, 'version'>): Promise<Site> {
  // No user of theirs has such an id: ending "all sessions of ada" must not mean their ada.
  const mark = `strongroom-lab-${randomBytes(12).toString('hex')}-`
  const given = new Set<string>()
  const listener = listenerOn(sessions as unknown as LabSessions, { mark, onError })
  // Anyone on this machine can send requests to the loopback address, and the sessions behind it are real ones.
  const key = randomBytes(32).toString('base64url')
  const server = createServer((request, response) => {
    if (!isEqual(request.headers[KEY], key)) {
      response.statusCode = 404
      return void response.end()
    }
    response.on('close', () => keep(response.getHeader('set-cookie'), given))
    return listener(request, response)
  })
  server.keepAliveTimeout = 600_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const headers = { [KEY]: key }
  const waiting = new Map<string, Deferred<void>>()
  const gate = (name: string) => {
    const found = waiting.get(name) ?? new Deferred<void>()
    waiting.set(name, found)
    return found
  }
  gates.onWaiting = (name) => gate(name).resolve()
  const refuse = async () => {
    throw new NotRun('It needs an application of its own, which --config does not start.')
  }
  return {
    row: { ...info, version: null },
    url,
    headers,
    cookieName: sessions.policy.cookieName,
    secrets: [],
    storage: UNSEEN,
    shared: info.traits?.shared !== 'process',
    waiting: (name) => gate(name).promise,
    async open(name) {
      waiting.delete(name)
      gates.open(name)
    },
    clock: null,
    sweep: null,
    storeCalls: null,
    memory: null,
    async another() {
      throw new NotRun('It needs a second application, and --config starts one.')
    },
    kill: refuse,
    restart: refuse,
    async stop() {
      // Those of attackers, too, who do not log out.
      for (const cookie of given) await send({ url, headers }, '/logout', cookie).catch(() => undefined)
      server.closeAllConnections()
      server.close()
    },
  }
}

const KEY = 'strongroom-lab-key'

/** In a time that tells nothing of either. */
function isEqual(given: string | readonly string[] | undefined, key: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(String(given)), digest(key))
}

const unseen = (): never => {
  throw new NotRun('It needs to look into the store, which --config does not do.')
}

/** There is a store, and nobody looks into it: an attack on it is not run, which is not the same as nothing to attack. */
const UNSEEN: Storage = {
  get server() {
    return unseen()
  },
  files: async () => unseen(),
  backup: async () => unseen(),
  get rows() {
    return unseen()
  },
  get cache() {
    return unseen()
  },
}

function onError(error: unknown, _request: IncomingMessage, response: ServerResponse): void {
  const { status } = error as { readonly status?: unknown }
  if (!response.headersSent) response.statusCode = typeof status === 'number' ? status : 500
  response.end()
}

function keep(header: number | string | readonly string[] | undefined, given: Set<string>): void {
  for (const line of [header ?? []].flat()) {
    const [pair = ''] = String(line).split(';', 1)
    if (!pair.endsWith('=')) given.add(pair)
  }
}
