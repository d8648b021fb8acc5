import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { find, installLine } from '../../scripts/programs.mjs'
import { LOAD, spawnOn } from '../processors.ts'
import type { Route } from './contender.ts'
import type { Running } from './fleet.ts'

const SCRIPT = fileURLToPath(new URL('./requests.lua', import.meta.url))
const CONNECTIONS = 32

export interface Slice {
  readonly requests: number
  readonly perSecond: number
  /** Processor time of the server for one request, in µs. */
  readonly cost: number
}

export const wrk = find('wrk')
export const wrkMissing = `wrk is not installed, so nothing is measured over HTTP. ${installLine(['wrk'])}`

/**
 * Sends requests for one route to one server, on 32 connections, for `seconds` seconds; each visitor in turn. A slice with bad
 * responses is measured once more before this throws: a disk that stalls for seconds fails a slice of an engine that writes
 * files, and must not cost the figures of half an hour.
 */
export async function load(running: Running, route: Route, seconds: number): Promise<Slice> {
  try {
    return await slice(running, route, seconds)
  } catch {
    return slice(running, route, seconds)
  }
}

async function slice(
  { contender, origin, cookies, processorTime }: Running,
  route: Route,
  seconds: number,
): Promise<Slice> {
  if (!wrk) throw new Error(wrkMissing)
  const jar = contender.inCookie && route === 'write' ? ['jar'] : []
  const limits = ['-t', '1', '-c', String(CONNECTIONS), '-d', `${seconds}s`, '--timeout', '10s', '-s', SCRIPT]
  const before = await processorTime()
  const child = spawnOn(LOAD, wrk, [...limits, `${origin}/${route}`, '--', cookies, ...jar], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [said, [status]] = await Promise.all([text(child.stderr as NodeJS.ReadableStream), once(child, 'exit')])
  if (status !== 0) throw new Error(`wrk failed: ${said}`)
  const { requests, us, errors } = JSON.parse(said)
  if (errors > 0 || requests === 0)
    throw new Error(`${contender.name}: ${errors} of ${requests} requests for ${route} failed.`)
  return { requests, perSecond: (requests / us) * 1e6, cost: ((await processorTime()) - before) / requests }
}

/**
 * The compiler needs thousands of requests to do its best, and on a busy machine there are fewer in a second. So the warm-up
 * counts requests, lest the measured slice shows who was compiled sooner. A slow contender stops after some seconds.
 */
export async function warmUp(running: Running, route: Route): Promise<void> {
  let requests = 0
  for (let second = 0; second < LONGEST_WARM_UP && requests < ENOUGH; second++)
    requests += (await load(running, route, 1)).requests
}

const ENOUGH = 15_000
const LONGEST_WARM_UP = 6
