import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { find, installLine } from '../../scripts/programs.mjs'
import { LOAD, SERVER, spawnOn } from '../processors.ts'
import type { Route } from './contender.ts'
import type { Running } from './fleet.ts'
import { foreignShare, readTicks } from './foreign.ts'
import type { Usage } from './usage.ts'

const SCRIPT = fileURLToPath(new URL('./requests.lua', import.meta.url))
const CONNECTIONS = 32

export interface Slice {
  readonly requests: number
  readonly perSecond: number
  /** Processor time of the server for one request, in µs. */
  readonly cost: number
  /** The share of that time that pauses for garbage collection take. */
  readonly collecting: number
  readonly collectionsPerRequest: number
  /** Bytes of V8's heap for one request. */
  readonly allocated: number
  /** The share of the server's processor that other programs had meanwhile. */
  readonly foreign: number
}

export const wrk = find('wrk')
export const wrkMissing = `wrk is not installed, so nothing is measured over HTTP. ${installLine(['wrk'])}`

/** With more foreign load than this, a slice is measured again. */
const QUIET = 0.08
const ATTEMPTS = 3

export const isDisturbed = ({ foreign }: Slice): boolean => foreign > QUIET

/** Sends requests for one route to one server, on 32 connections, for `seconds` seconds; each visitor in turn. */
export const load = (running: Running, route: Route, seconds: number): Promise<Slice> =>
  quietest(() => slice(running, route, seconds))

/**
 * A slice that other programs disturb is measured again, and of several disturbed ones the quietest counts. So is a slice with
 * bad responses, once: a disk that stalls for seconds fails a slice of an engine that writes files, and must not cost the
 * figures of half an hour.
 */
export async function quietest(measure: () => Promise<Slice>): Promise<Slice> {
  let [best, failure]: [Slice | null, unknown] = [null, null]
  for (let attempt = 0; attempt < ATTEMPTS; attempt++)
    try {
      const measured = await measure()
      if (!best || measured.foreign < best.foreign) best = measured
      if (!isDisturbed(measured)) return measured
    } catch (error) {
      if (failure) throw error
      failure = error
    }
  if (best) return best
  throw failure
}

async function slice(running: Running, route: Route, seconds: number): Promise<Slice> {
  await running.begin()
  const [ticks, began] = [readTicks(SERVER), performance.now()]
  const sent = await send(running, route, seconds)
  if (sent.requests === 0) throw new Error(`${running.contender.name}: no request for ${route} was answered.`)
  const [after, elapsed] = [readTicks(SERVER), (performance.now() - began) * 1000]
  const used = await running.end()
  return { ...sent, ...eachRequest(used), foreign: foreignShare(ticks, after, used.processor, elapsed) }
}

const eachRequest = ({ requests, processor, collecting, collections, allocated }: Usage) => ({
  cost: processor / requests,
  collecting: collecting / processor,
  collectionsPerRequest: collections / requests,
  allocated: allocated / requests,
})

async function send({ contender, origin, cookies }: Running, route: Route, seconds: number) {
  const said = await runWrk([`${origin}/${route}`, '--', cookies], seconds)
  const { requests, us, errors, strangers } = JSON.parse(said)
  if (errors > 0) throw new Error(`${contender.name}: ${errors} of ${requests} requests for ${route} failed.`)
  if (strangers > 0 && route !== 'untouched')
    throw new Error(`${contender.name}: ${strangers} of ${requests} visitors on ${route} had no session.`)
  return { requests, perSecond: (requests / us) * 1e6 }
}

/** Resolves to the last line that the script writes. wrk takes whole seconds only; interrupted, it sums up what it has. */
async function runWrk(args: readonly string[], seconds: number): Promise<string> {
  if (!wrk) throw new Error(wrkMissing)
  const longest = `${Math.ceil(seconds) + 10}s`
  const limits = ['-t', '1', '-c', String(CONNECTIONS), '-d', longest, '--timeout', '10s', '-s', SCRIPT]
  const child = spawnOn(LOAD, wrk, [...limits, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  const [lines, [status]] = await Promise.all([linesOf(child, seconds), once(child, 'exit')])
  if (status !== 0) throw new Error(`wrk failed: ${lines.join('\n')}`)
  return lines.at(-1) as string
}

/** Interrupts it `seconds` seconds after its first line, which says that its requests are prepared. */
async function linesOf(child: ChildProcess, seconds: number): Promise<string[]> {
  const lines: string[] = []
  for await (const line of createInterface(child.stderr as NodeJS.ReadableStream)) {
    lines.push(line)
    if (line === 'ready') wait(seconds * 1000).then(() => child.kill('SIGINT'))
  }
  return lines
}

/**
 * The compiler needs thousands of requests to do its best, and on a busy machine there are fewer in a second. So the warm-up
 * counts requests, lest the measured slice shows who was compiled sooner. A slow contender stops after some seconds.
 */
export async function warmUp(running: Running, route: Route): Promise<void> {
  const longest = performance.now() + LONGEST_WARM_UP
  for (let requests = 0; requests < ENOUGH && performance.now() < longest; )
    requests += (await send(running, route, 0.4)).requests
}

const ENOUGH = 8000
const LONGEST_WARM_UP = 4000
