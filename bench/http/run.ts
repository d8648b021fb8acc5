import { type Figure, median } from '../figures.ts'
import { installed, startServers, type Urls } from '../servers.ts'
import type { Contender, Route } from './contender.ts'
import { contenders, NO_SESSION } from './contenders.ts'
import { type Running, start } from './fleet.ts'
import { load, type Slice, warmUp } from './load.ts'
import { verify } from './verify.ts'

export interface HttpOptions {
  readonly rounds: number
  /** Of one slice; a whole number, because wrk takes no other. */
  readonly seconds: number
  /** Visitors of each server, who take turns. */
  readonly sessions: number
  /** Which contenders; their limits are included. */
  readonly contenders?: RegExp | undefined
  readonly routes: readonly Route[]
  readonly say: (line: string) => void
}

export const PER_SECOND = 'req/s'
export const COST = 'µs of processor per request'

/** Slices of each server on each route in one turn. */
const TURNS = 5

type Turn = Map<string, Slice>
const keyOf = (contender: string, route: string) => `${contender} ${route}`

/**
 * Each round starts every server again, because the compiler's results differ from one start to the next. On each route the
 * servers take turns, several times, so that whatever else the machine does affects neighbours alike. Ratios are taken within
 * a turn; figures are the medians over all turns of all rounds.
 */
export async function measureHttp(options: HttpOptions): Promise<Figure[]> {
  const wanted = choose(options.contenders)
  const chosen = wanted.filter(({ needs }) => !needs || installed(needs))
  for (const { name, needs } of wanted)
    if (needs && !installed(needs)) options.say(`${name} is left out: ${needs} is not installed`)
  const servers = await startServers(chosen.flatMap(({ needs }) => needs ?? []))
  try {
    return await measureOn(chosen, { ...options, urls: servers.urls })
  } finally {
    await servers.stop()
  }
}

async function measureOn(chosen: readonly Contender[], options: HttpOptions & { urls: Urls }): Promise<Figure[]> {
  const turns: Turn[] = []
  for (let round = 1; round <= options.rounds; round++) {
    options.say(`http, round ${round} of ${options.rounds}: starting ${chosen.length} servers`)
    const fleet: Running[] = []
    try {
      for (const contender of chosen) fleet.push(await start(contender, options))
      for (const running of fleet) await verify(running)
      turns.push(...(await takeTurns(fleet, options)))
    } finally {
      await Promise.all(fleet.map((running) => running.stop()))
    }
  }
  return chosen.flatMap((contender) => {
    const asked = contender.routes.filter((route) => options.routes.includes(route))
    return asked.flatMap((route) => figuresOf(turns, contender, route))
  })
}

async function takeTurns(fleet: readonly Running[], { seconds, routes, say }: HttpOptions): Promise<Turn[]> {
  const turns = Array.from({ length: TURNS }, (): Turn => new Map())
  for (const route of routes) {
    const able = fleet.filter(({ contender }) => contender.routes.includes(route))
    say(`http, ${route}: warming up`)
    for (const running of able) await warmUp(running, route)
    for (const [at, turn] of turns.entries()) {
      say(`http, ${route}: turn ${at + 1} of ${TURNS}`)
      for (const running of able) turn.set(keyOf(running.contender.name, route), await load(running, route, seconds))
    }
  }
  return turns
}

function figuresOf(turns: readonly Turn[], contender: Contender, route: Route): Figure[] {
  const mine = turns.map((turn) => turn.get(keyOf(contender.name, route)) as Slice)
  const limit = limitOf(contender, route)
  const theirs = turns.flatMap((turn) => turn.get(limit) ?? [])
  const figure = (unit: string, value: (slice: Slice) => number, better: 'more' | 'less'): Figure => {
    const ratios = theirs.map((their, turn) => {
      const ratio = value(mine[turn] as Slice) / value(their)
      return better === 'more' ? ratio : 1 / ratio
    })
    // If only some routes are measured, the limit's may not be among them.
    const compared = ratios.length > 0
    return {
      bench: 'http',
      contender: contender.name,
      route,
      value: median(mine.map(value)),
      unit,
      ratioToLimit: compared ? median(ratios) : null,
      spread: compared ? [Math.min(...ratios), Math.max(...ratios)] : undefined,
    }
  }
  return [figure(PER_SECOND, ({ perSecond }) => perSecond, 'more'), figure(COST, ({ cost }) => cost, 'less')]
}

/** What a contender's figure on a route is compared with: for a limit without this route, its untouched route. */
function limitOf({ limit }: Contender, route: Route): string {
  const routes = contenders.find((contender) => contender.name === limit)?.routes ?? []
  if (routes.includes(route)) return keyOf(limit, route)
  return keyOf(limit === 'fastify' ? limit : NO_SESSION, 'untouched')
}

function choose(pattern: RegExp | undefined): readonly Contender[] {
  if (!pattern) return contenders
  const wanted = contenders.filter(({ name }) => pattern.test(name))
  const limits = new Set([NO_SESSION, ...wanted.map(({ limit }) => limit)])
  return contenders.filter((contender) => wanted.includes(contender) || limits.has(contender.name))
}
