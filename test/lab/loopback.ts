import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { SessionsOptions } from 'strongroom'
import { callOf, gates } from '../../packages/cli/src/lab/calls.ts'
import { Deferred } from '../../packages/cli/src/lab/deferred.ts'
import type { RowInfo } from '../../packages/cli/src/lab/report.ts'
import { NotShared, type Site, type SiteOptions, type Storage } from '../../packages/cli/src/lab/site.ts'

/** What the lab tells an application. */
export interface Control {
  readonly options: SiteOptions
  now(): number
  /** Waits if the request names a gate, until it is opened. */
  gate(url: URL): Promise<void>
}

export interface Application {
  readonly listener: RequestListener
  readonly cookieName: string
  readonly secrets?: readonly string[]
  readonly storeCalls?: () => number
  readonly sweep?: () => Promise<unknown>
  readonly sessionsOptions?: () => Promise<SessionsOptions>
  readonly storage?: Partial<Storage>
  /** May another server be started? */
  readonly isShared: boolean
}

const arrivals = new Map<string, Deferred<void>>()

/** Resolves when a handler of this process waits at the gate. */
function arrivalAt(gate: string): Deferred<void> {
  const arrival = arrivals.get(gate) ?? new Deferred<void>()
  arrivals.set(gate, arrival)
  return arrival
}

/** A site of the lab in this process: what cannot be had there (files, a process to kill) is missing. */
export async function loopback(
  row: RowInfo,
  create: (control: Control) => Application,
  options: SiteOptions = {},
): Promise<Site> {
  gates.onWaiting = (gate) => arrivalAt(gate).resolve()
  let ahead = options.clockBy ?? 0
  const application = create({
    options,
    now: () => Date.now() + ahead,
    gate: async (url) => callOf(`${url.pathname}${url.search}`)?.gate(),
  })
  const server = createServer(application.listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { storeCalls, sweep, sessionsOptions } = application
  const unavailable = async () => {
    throw new Error('A site in this process cannot be killed.')
  }
  return {
    row,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cookieName: application.cookieName,
    secrets: application.secrets ?? [],
    storage: {
      server: null,
      files: async () => null,
      backup: async () => null,
      rows: null,
      cache: null,
      ...application.storage,
    },
    shared: application.isShared,
    waiting: (gate) => arrivalAt(gate).promise,
    open: async (gate) => gates.open(gate),
    clock: async (by) => {
      ahead = by
    },
    sweep: sweep
      ? async () => {
          await sweep()
        }
      : null,
    storeCalls: storeCalls ? async () => storeCalls() : null,
    memory: null,
    ...(sessionsOptions && { sessionsOptions }),
    another: async (more) => {
      if (!application.isShared) throw new NotShared('Sessions of this row stay in one process.')
      return loopback(row, create, { ...options, ...more })
    },
    kill: unavailable,
    restart: unavailable,
    stop: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
