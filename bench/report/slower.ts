import { contendersIn, type Figure, find } from '../figures.ts'
import { contenderOf, isOurs, isPeer, isVariant } from '../http/contenders.ts'
import { PER_SECOND, timesUnit } from '../http/figures.ts'
import { percent, times } from './numbers.ts'
import type { Table } from './tables.ts'

/** Less than that is not told from the noise. */
const SLOWER = 1.05

/** Where one of our engines with its defaults takes more processor time than a peer, or serves fewer requests. */
export function slowerThanPeers(figures: readonly Figure[]): Table {
  const names = contendersIn(figures, 'http')
  // Memory over a server that has every session is not what a peer in memory is.
  const peersOf = (name: string) =>
    names.filter((peer) => isPeer(contenderOf(peer)) && contenderOf(peer).needs === contenderOf(name).needs)
  const rows = names
    .filter((name) => isOurs(name) && !isVariant(name))
    .flatMap((name) =>
      peersOf(name).flatMap((peer) =>
        (['read', 'read-object', 'write'] as const).map((route) => ({ name, peer, route })),
      ),
    )
    .flatMap(({ name, peer, route }) => {
      const cost = find(figures, name, route, timesUnit(peer, route))?.value
      const [mine, theirs] = [name, peer].map((each) => find(figures, each, route, PER_SECOND)?.value)
      if (cost === undefined || mine === undefined || theirs === undefined) return []
      const rate = mine / theirs
      return cost > SLOWER || rate < 1 / SLOWER
        ? [{ cost, cells: [`${route}, ${name}`, peer, times(cost), percent(rate)] }]
        : []
    })
  return {
    title: 'Slower than a peer',
    head: ['request', 'compared with', 'processor time', 'requests per second'],
    rows: rows.toSorted((a, b) => b.cost - a.cost).map(({ cells }) => cells),
  }
}
