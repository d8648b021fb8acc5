import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Outage } from '../targets/target.ts'
import type { ServerKind } from './kinds.ts'
import type { Order, Report } from './thread.ts'

/** A running private server. */
export interface RunningServer {
  readonly url: string
  /** Where its data is. */
  readonly dir: string
  readonly outage: Outage
  /** Ends it, and removes its data. */
  stop(): Promise<void>
}

/** Starts a server; resolves when it answers, and rejects with the last lines of its log if it never does. */
export async function startServer({ name, program }: ServerKind): Promise<RunningServer> {
  const thread = new Worker(new URL('./thread.ts', import.meta.url), { workerData: name })
  const waiting = new Map<number, (failed?: string) => void>()
  let number = 0
  const order = (what: Order) =>
    new Promise<void>((done, fail) => {
      waiting.set(++number, (failed) => (failed === undefined ? done() : fail(new Error(failed))))
      thread.postMessage([number, what])
    })
  const [first] = (await once(thread, 'message')) as [Report]
  if (!('started' in first)) {
    await thread.terminate()
    throw new Error(first.failed ?? 'It did not start.')
  }
  thread.on('message', (report: Report) => {
    if ('done' in report) waiting.get(report.done)?.(report.failed)
  })
  thread.on('exit', () => {
    for (const end of waiting.values()) end('The thread of the server has ended.')
  })
  return {
    ...first.started,
    outage: { how: `${program} was killed with SIGKILL.`, stop: () => order('kill'), start: () => order('start') },
    stop: () => order('stop'),
  }
}
