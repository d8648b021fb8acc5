import { randomBytes } from 'node:crypto'
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
 * cookie. It makes users and sessions of its own, and ends them; nothing of theirs is listed, read or altered. So it has no rows, no
 * files and no clock, and only attacks that do no harm are to be run on it.
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
  const prefix = `strongroom-lab-${randomBytes(12).toString('hex')}-`
  const given = new Set<string>()
  const listener = listenerOn(sessions as unknown as LabSessions, { userPrefix: prefix, onError })
  const server = createServer((request, response) => {
    response.on('close', () => keep(response.getHeader('set-cookie'), given))
    return listener(request, response)
  })
  server.keepAliveTimeout = 600_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
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
      for (const cookie of given) await send({ url }, '/logout', cookie).catch(() => undefined)
      server.closeAllConnections()
      server.close()
    },
  }
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
