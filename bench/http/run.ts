import type { Figure } from '../figures.ts'
import { installed, startServers, type Urls } from '../servers.ts'
import type { Contender, Route } from './contender.ts'
import { contenderOf, contenders, NO_SESSION } from './contenders.ts'
import { figuresOf, type Turn, turnKey } from './figures.ts'
import { type Running, start } from './fleet.ts'
import { load, warmUp } from './load.ts'
import { verify } from './verify.ts'

export interface HttpOptions {
  readonly rounds: number
  /** Slices of each server on each route in one round. */
  readonly turns: number
  /** Of one slice. */
  readonly seconds: number
  /** Visitors of each server, who take turns. */
  readonly sessions: number
  /** Which contenders; their limits are included. */
  readonly contenders?: RegExp | undefined
  readonly routes: readonly Route[]
  readonly say: (line: string) => void
}

/**
 * The contenders that have the same limit are a group, which is measured by itself, with an application without any session
 * beside it. In a turn every server of the group has one short slice on every route, so that whatever else the machine does
 * affects all of them alike; ratios and differences are taken within a turn. Each round starts every server again, because the
 * compiler's results differ from one start to the next. Figures are the medians over all turns of all rounds.
 */
export async function measureHttp(options: HttpOptions): Promise<Figure[]> {
  const wanted = choose(options.contenders)
  const chosen = wanted.filter(({ needs }) => !needs || installed(needs))
  for (const { name, needs } of wanted)
    if (needs && !installed(needs)) options.say(`${name} is left out: ${needs} is not installed`)
  const servers = await startServers(chosen.flatMap(({ needs }) => needs ?? []))
  try {
    return await measureOn(groupsOf(chosen), { ...options, urls: servers.urls })
  } finally {
    await servers.stop()
  }
}

type Group = readonly Contender[]

const groupsOf = (chosen: readonly Contender[]): Group[] =>
  [...new Set(chosen.map(({ limit }) => limit))].map((limit) => [
    contenderOf(NO_SESSION),
    ...chosen.filter((contender) => contender.limit === limit && contender.name !== NO_SESSION),
  ])

async function measureOn(groups: readonly Group[], options: HttpOptions & { urls: Urls }): Promise<Figure[]> {
  const turns = new Map(groups.map((group): [Group, Turn[]] => [group, []]))
  for (let round = 1; round <= options.rounds; round++)
    for (const [group, taken] of turns) {
      options.say(`http, round ${round} of ${options.rounds}: starting ${group.map(({ name }) => name).join(', ')}`)
      taken.push(...(await measureGroup(group, options)))
    }
  return figuresOf(turns)
}

async function measureGroup(group: Group, options: HttpOptions & { urls: Urls }): Promise<Turn[]> {
  const fleet: Running[] = []
  try {
    for (const contender of group) fleet.push(await start(contender, options))
    for (const running of fleet) await verify(running)
    return await takeTurns(fleet, options)
  } finally {
    await Promise.all(fleet.map((running) => running.stop()))
  }
}

async function takeTurns(fleet: readonly Running[], { turns, seconds, routes, say }: HttpOptions): Promise<Turn[]> {
  const taken: Turn[] = []
  // What has no session comes first, and is measured whichever routes were asked for.
  const visits = [
    ...fleet.slice(0, 1).map((running) => ({ running, route: 'untouched' as const })),
    ...routes.flatMap((route) =>
      fleet
        .slice(1)
        .filter(({ contender }) => contender.routes.includes(route))
        .map((running) => ({ running, route })),
    ),
  ]
  for (const { running, route } of visits) await warmUp(running, route)
  for (let at = 1; at <= turns; at++) {
    say(`http, turn ${at} of ${turns}`)
    const turn: Turn = new Map()
    for (const { running, route } of visits)
      turn.set(turnKey(running.contender.name, route), await load(running, route, seconds))
    taken.push(turn)
  }
  return taken
}

function choose(pattern: RegExp | undefined): readonly Contender[] {
  if (!pattern) return contenders
  const wanted = contenders.filter(({ name }) => pattern.test(name))
  const limits = new Set(wanted.map(({ limit }) => limit))
  return contenders.filter((contender) => wanted.includes(contender) || limits.has(contender.name))
}
