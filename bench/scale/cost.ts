import type { BaseSessions } from 'strongroom'
import type { Values } from '../data.ts'
import { median } from '../figures.ts'
import { begin, readOnce, writeOnce } from '../micro/sessions.ts'
import type { ServerClock } from './processes.ts'

/** A store full of sessions, and visitors spread among them who can come back. */
export interface Site {
  readonly sessions: BaseSessions<Values>
  readonly cookies: readonly string[]
  /** Absent where the store has no server. */
  readonly serverTime?: ServerClock | undefined
}

/** What one request of a kind costs, in µs. The processor times are means: a garbage collection is shared by all. */
export interface Cost extends ProcessorTimes {
  readonly median: number
  readonly p99: number
}

export interface ProcessorTimes {
  /** Of this process. */
  readonly processor: number
  /** Null where there is no server. */
  readonly server: number | null
}

export const UNITS = {
  median: 'µs, median',
  p99: 'µs, 99th percentile',
  processor: 'µs of processor time',
  server: "µs of the server's processor time",
} as const satisfies Record<keyof Cost, string>

export const VERBS = ['read', 'write', 'login'] as const
export type Verb = (typeof VERBS)[number]
export type Costs = Readonly<Record<Verb, Cost>>

/** How many visitors come to one site before those of the next do. */
const TURN = 50

/** One request at a time, by the sites in turns, so that a change of the machine's pace affects all of them. */
export async function costsOf(sites: readonly Site[], verb: Verb): Promise<Cost[]> {
  const all = sites.map((site) => new Measurement(site, verb))
  const count = (sites[0] as Site).cookies.length
  for (let from = 0; from < count; from += TURN)
    // The first half warms up the compiler and the server.
    for (const each of all) await each.take(from, Math.min(from + TURN, count), from >= count / 2)
  return all.map((each) => each.cost())
}

class Measurement {
  readonly #site: Site
  readonly #visit: (index: number) => Promise<unknown>
  readonly #times: number[] = []
  #processor = 0
  #server = 0

  constructor(site: Site, verb: Verb) {
    const { sessions, cookies } = site
    this.#site = site
    this.#visit = {
      read: (index: number) => readOnce(sessions, cookies[index] as string),
      write: (index: number) => writeOnce(sessions, cookies[index] as string),
      // Somebody who was not here before.
      login: (index: number) => begin(sessions, cookies.length + index),
    }[verb]
  }

  async take(from: number, to: number, counts: boolean): Promise<void> {
    const times: number[] = []
    const { processor, server } = await processorTimes(this.#site.serverTime, async () => {
      for (let index = from; index < to; index++) {
        const began = performance.now()
        await this.#visit(index)
        times.push((performance.now() - began) * 1000)
      }
    })
    if (!counts) return
    this.#times.push(...times)
    this.#processor += processor
    this.#server += server ?? 0
  }

  cost(): Cost {
    const count = this.#times.length
    return {
      median: median(this.#times),
      p99: p99(this.#times),
      processor: this.#processor / count,
      server: this.#site.serverTime ? this.#server / count : null,
    }
  }
}

/** What all of the work took, in µs. */
export async function processorTimes(
  serverTime: ServerClock | undefined,
  work: () => Promise<unknown>,
): Promise<ProcessorTimes> {
  const [server, before] = [serverTime?.() ?? 0, process.cpuUsage()]
  await work()
  const { user, system } = process.cpuUsage(before)
  return { processor: user + system, server: serverTime ? serverTime() - server : null }
}

export const p99 = (times: readonly number[]) =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] as number
