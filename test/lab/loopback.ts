import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { SessionsOptions } from 'strongroom'
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

interface Signal {
  readonly given: Promise<void>
  give(): void
}

function signal(): Signal {
  let give = () => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { given, give }
}

/** A site of the lab in this process: what cannot be had there (files, a process to kill) is missing. */
export async function loopback(
  row: RowInfo,
  create: (control: Control) => Application,
  options: SiteOptions = {},
): Promise<Site> {
  const gates = new Map<string, { arrival: Signal; opening: Signal }>()
  const gateOf = (name: string) => {
    const gate = gates.get(name) ?? { arrival: signal(), opening: signal() }
    gates.set(name, gate)
    return gate
  }
  let ahead = options.clockBy ?? 0
  const application = create({
    options,
    now: () => Date.now() + ahead,
    async gate(url) {
      const name = url.searchParams.get('gate')
      if (name === null) return
      gateOf(name).arrival.give()
      await gateOf(name).opening.given
    },
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
    waiting: (gate) => gateOf(gate).arrival.given,
    open: async (gate) => gateOf(gate).opening.give(),
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
