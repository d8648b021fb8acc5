import { type Figure, median } from '../figures.ts'
import type { Contender, Route } from './contender.ts'
import { contenderOf, isDropIn, isOurs, isPeer, NO_SESSION } from './contenders.ts'
import { isDisturbed, type Slice } from './load.ts'

export const COST = 'µs of processor per request'
export const ADDED = 'µs of processor more than without a session'
export const PER_SECOND = 'req/s'
export const COLLECTING = '% of processor time in garbage collection'
export const COLLECTIONS = 'collections per 1000 requests'
export const ALLOCATED = 'bytes allocated per request'
/** The processor time of one request, divided by that of another. */
export const timesUnit = (contender: string, route: string): string => `× ${contender}, ${route}`

/** One slice of each server on each of its routes, all of them shortly after one another. */
export type Turn = Map<string, Slice>
export const turnKey = (contender: string, route: string): string => `${contender} ${route}`

/** The medians over all turns of each group, for the contenders and routes that were measured. */
export function figuresOf(taken: ReadonlyMap<readonly Contender[], readonly Turn[]>): Figure[] {
  const [all, noSession] = [[...taken.values()].flat(), contenderOf(NO_SESSION)]
  return [
    ...own(all, noSession, 'untouched'),
    ...[...taken].flatMap(([group, turns]) =>
      group
        .filter((contender) => contender !== noSession)
        .flatMap((contender) =>
          contender.routes.flatMap((route) => [
            ...own(turns, contender, route),
            ...comparedWith(group, contender, route).flatMap((other) => times(turns, contender, route, other)),
          ]),
        ),
    ),
  ]
}

/** Slices of two requests in the same turns. */
function pairs(turns: readonly Turn[], mine: string, theirs: string): (readonly [mine: Slice, theirs: Slice])[] {
  return turns.flatMap((turn) => {
    const [one, other] = [turn.get(mine), turn.get(theirs)]
    return one && other ? [[one, other] as const] : []
  })
}

function own(turns: readonly Turn[], contender: Contender, route: Route): Figure[] {
  const mine = turnKey(contender.name, route)
  const slices = turns.flatMap((turn) => turn.get(mine) ?? [])
  if (slices.length === 0) return []
  const common = { bench: 'http', contender: contender.name, route, ratioToLimit: null } as const
  const plain = (unit: string, value: (slice: Slice) => number): Figure => ({
    ...common,
    value: median(slices.map(value)),
    unit,
  })
  const added = pairs(turns, mine, turnKey(NO_SESSION, 'untouched')).map(([one, none]) => one.cost - none.cost)
  const limit = pairs(turns, mine, limitKey(contender, route))
  const ratios = limit.map(([one, other]) => other.cost / one.cost)
  const disturbed = slices.filter(isDisturbed).length / slices.length
  return [
    {
      ...plain(COST, ({ cost }) => cost),
      ...(ratios.length > 0 && {
        ratioToLimit: median(ratios),
        spread: [Math.min(...ratios), Math.max(...ratios)] as const,
      }),
      ...(disturbed > 0 && { disturbed }),
    },
    ...(added.length > 0 ? [{ ...common, value: median(added), unit: ADDED }] : []),
    {
      ...plain(PER_SECOND, ({ perSecond }) => perSecond),
      ratioToLimit: limit.length > 0 ? median(limit.map(([one, other]) => one.perSecond / other.perSecond)) : null,
    },
    plain(COLLECTING, ({ collecting }) => collecting * 100),
    plain(COLLECTIONS, ({ collectionsPerRequest }) => collectionsPerRequest * 1000),
    plain(ALLOCATED, ({ allocated }) => allocated),
  ]
}

/** What a contender is compared with on a route: for a limit without this route, what has no session. */
function limitKey({ limit }: Contender, route: Route): string {
  const { routes } = contenderOf(limit)
  if (routes.includes(route)) return turnKey(limit, route)
  return turnKey(routes.includes('untouched') ? limit : NO_SESSION, 'untouched')
}

type Other = readonly [contender: string, route: Route]

/** Ours with every peer and with the limit, with the first of ours, which shows what an option costs, and a write with a read. */
function comparedWith(group: readonly Contender[], { name }: Contender, route: Route): Other[] {
  if (!isOurs(name) && !isDropIn(name)) return []
  const first = group.find((contender) => isOurs(contender.name))
  const others = group.filter(
    (other) => other === first || isPeer(other) || (other.name === other.limit && other.name !== NO_SESSION),
  )
  return [
    ...others.filter((other) => other.name !== name).map((other): Other => [other.name, route]),
    ...(route === 'write' ? [[name, 'read'] as const] : []),
  ]
}

function times(turns: readonly Turn[], { name }: Contender, route: Route, [other, otherRoute]: Other): Figure[] {
  const both = pairs(turns, turnKey(name, route), turnKey(other, otherRoute))
  if (both.length === 0) return []
  const ratios = both.map(([one, their]) => one.cost / their.cost)
  return [
    {
      bench: 'http',
      contender: name,
      route,
      value: median(ratios),
      unit: timesUnit(other, otherRoute),
      ratioToLimit: null,
      spread: [Math.max(...ratios), Math.min(...ratios)],
    },
  ]
}
