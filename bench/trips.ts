import type { Figure } from './figures.ts'
import { ask, logIn } from './http/client.ts'
import type { Contender } from './http/contender.ts'
import { contenders, isVariant } from './http/contenders.ts'
import { start } from './http/fleet.ts'
import { installed, type ServerName, startServers } from './servers.ts'
import { startWire, type Wire } from './wire.ts'

export interface TripsOptions {
  readonly contenders?: RegExp | undefined
  readonly say: (line: string) => void
}

export const TRIPS = 'round trips'
export const WIRE = 'bytes on the wire'

const ROUTES = ['untouched', 'read', 'write', 'login', 'logout'] as const
const TIMES = 40

/** Round trips and bytes between the application and the server of its sessions, for one request, one at a time. */
export async function measureTrips({ contenders: pattern, say }: TripsOptions): Promise<Figure[]> {
  const chosen = contenders.filter(
    ({ name, needs, limit }) =>
      needs && installed(needs) && limit !== 'limit: memory' && !isVariant(name) && (pattern?.test(name) ?? true),
  )
  const figures: Figure[] = []
  const servers = await startServers(chosen.flatMap(({ needs }) => needs ?? []))
  try {
    for (const contender of chosen) {
      say(`round trips, ${contender.name}`)
      const server = servers.running[contender.needs as ServerName]
      if (!server) continue
      const wire = await startWire(server.port)
      try {
        figures.push(...(await countOn(contender, wire, server.url.replace(`:${server.port}`, `:${wire.port}`))))
      } finally {
        await wire.close()
      }
    }
  } finally {
    await servers.stop()
  }
  return figures
}

async function countOn(contender: Contender, wire: Wire, url: string): Promise<Figure[]> {
  const { name } = contender
  const running = await start(contender, { sessions: 1, urls: { [contender.needs as ServerName]: url } })
  try {
    const figures: Figure[] = []
    for (const route of ROUTES) {
      if (route === 'logout' ? !contender.hasLogout : route !== 'login' && !contender.routes.includes(route)) continue
      // The first requests open connections, prepare statements and load scripts.
      await visit(running.origin, route, await cookiesOf(running.origin))
      const cookies = await cookiesOf(running.origin)
      await settled(wire)
      await visit(running.origin, route, cookies)
      const { trips, bytes } = await settled(wire)
      const common = { bench: 'trips', contender: name, route, ratioToLimit: null } as const
      const times = cookies.length
      figures.push({ ...common, value: trips / times, unit: TRIPS }, { ...common, value: bytes / times, unit: WIRE })
    }
    return figures
  } finally {
    await running.stop()
  }
}

/** Of visitors who have just logged in, so that no touch is due. */
const cookiesOf = (origin: string) => logIn(origin, TIMES)

/** One after another. A visitor who logs in has a session already, which the new one replaces. */
async function visit(origin: string, route: string, cookies: readonly string[]): Promise<void> {
  for (const [index, cookie] of cookies.entries())
    await ask(origin, route === 'login' ? `/login/${index}` : `/${route}`, cookie)
}

/** What has passed, once nothing passes any more: some contenders write after the response. */
async function settled(wire: Wire) {
  const all = { trips: 0, bytes: 0 }
  for (;;) {
    await new Promise((done) => setTimeout(done, 200))
    const { trips, bytes } = wire.take()
    if (bytes === 0) return all
    all.trips += trips
    all.bytes += bytes
  }
}
