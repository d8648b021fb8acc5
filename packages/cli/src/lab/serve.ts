import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { flushCompileCache } from 'node:module'
import { type AddressInfo, Socket } from 'node:net'
import { writeHeapSnapshot } from 'node:v8'
import { NotRun } from './attack.ts'
import { gates } from './calls.ts'
import { linesOf, type Question, type StartConfig, type ToApplication, type ToLab } from './protocol.ts'

/** What an application of the lab makes of its configuration. */
export interface Application {
  readonly listener: RequestListener
  /** The library and, if there is one, the store: "strongroom 0.1.0". */
  readonly version: string | null
  /** What this library tells to run for abandoned sessions. */
  readonly sweep?: () => Promise<unknown>
  readonly storeCalls?: () => number
}

/** Set by the lab, in ms. */
let ahead = 0

/**
 * Runs an application in this process, which the lab has started. All of the process has the lab's clock: libraries have none of
 * their own to be set.
 */
export async function serve(make: (config: StartConfig) => Promise<Application>): Promise<void> {
  shiftClock()
  const channel = new Socket({ fd: 3 })
  const say = (message: ToLab) => channel.write(`${JSON.stringify(message)}\n`)
  // The lab has ended, in whatever way.
  channel.on('close', () => process.exit())
  channel.on('error', () => process.exit())
  let application: Application | null = null
  const take = linesOf<ToApplication>(async (message) => {
    if (message.do === 'open') return gates.open(message.gate)
    if (message.do === 'ask') return answer(message.id, message.what, message.value, application, say)
    ahead = message.config.clockBy
    try {
      application = await make(message.config)
      await listen(application.listener, message.config.port)
      say({ is: 'ready', abilities: abilitiesOf(application), version: application.version })
      // Node does so when a process ends by itself, and this one is killed.
      flushCompileCache()
    } catch (error) {
      // Only what is missing may be installed. Anything else is a fault, and must not be taken for a missing package.
      if (error instanceof NotRun) say({ is: 'notRun', message: error.message })
      else say({ is: 'failed', message: `The application did not start: ${(error as Error).stack}` })
    }
  })
  gates.onWaiting = (gate) => say({ is: 'waiting', gate })
  channel.on('data', take)
}

async function listen(listener: RequestListener, port: number): Promise<number> {
  const server = createServer(listener)
  // The lab may be busy for longer than Node keeps idle connections, and would take their end for an answer.
  server.keepAliveTimeout = 600_000
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const abilitiesOf = ({ sweep, storeCalls }: Application): Question[] => [
  'clock',
  'memory',
  ...(sweep ? (['sweep'] as const) : []),
  ...(storeCalls ? (['storeCalls'] as const) : []),
]

async function answer(
  id: number,
  what: Question,
  value: number | string | undefined,
  application: Application | null,
  say: (message: ToLab) => void,
): Promise<void> {
  try {
    if (what === 'clock') ahead = Number(value)
    if (what === 'sweep') await application?.sweep?.()
    if (what === 'memory') writeHeapSnapshot(String(value))
    say({ is: 'answer', id, value: what === 'storeCalls' ? (application?.storeCalls?.() ?? null) : null })
  } catch (error) {
    say({ is: 'error', id, message: (error as Error).message })
  }
}

/** Before anything else is loaded that keeps `Date.now`. */
function shiftClock(): void {
  const RealDate = Date
  const now = () => RealDate.now() + ahead
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, given, newTarget) => Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget),
    apply: () => new RealDate(now()).toString(),
    get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
  })
}
