import type { Violation } from './aftermath.ts'
import { type Chooser, type Exploration, explore } from './explore.ts'
import { Gates } from './gates.ts'
import { violations } from './invariants.ts'
import type { OpenPlace } from './places.ts'
import { type Plan, type Played, play, titleOf } from './run.ts'
import { Scene } from './scene.ts'

export interface Failure extends Violation {
  readonly plan: Plan
  /** The first schedule that showed it, for people. */
  readonly order: string
  /** The same as the actors in the order of their operations, such as `OOTO`: see `inOrderOf`. */
  readonly turns: string
}

export interface Checked extends Exploration {
  readonly failures: readonly Failure[]
}

interface CheckOptions {
  readonly preemptions: number
  readonly most?: number
  readonly answers?: boolean
  /** Ends the exploration with the first failure of this kind. */
  readonly until?: (failure: Failure) => boolean
}

/** Explores a plan. The same fault is reported once. */
export async function check(
  open: OpenPlace,
  plan: Plan,
  { until = () => false, answers, ...bounds }: CheckOptions,
): Promise<Checked> {
  const failures = new Map<string, Failure>()
  const run = async (choose: Chooser) => {
    const { ended, failures: found } = await runOnce(open, plan, choose, answers)
    for (const failure of found) {
      const key = `${failure.invariant} ${failure.what}`
      if (!failures.has(key)) failures.set(key, failure)
    }
    return { ended, enough: found.some(until) }
  }
  const counts = await explore(run, bounds)
  return { ...counts, failures: [...failures.values()] }
}

/** Runs one schedule of a plan, and checks what it leaves behind. */
export async function runOnce(open: OpenPlace, plan: Plan, choose: Chooser, answers = false) {
  const gates = new Gates({ answers })
  const place = await open(gates)
  const scene = await Scene.create(place, gates)
  const played = await play(scene, plan, choose)
  const found = played.ended ? await violations(scene, played) : []
  await scene.close()
  const turns = played.order.map(({ actor }) => actor).join('')
  const failures = found.map((violation): Failure => ({ ...violation, plan, order: orderOf(played), turns }))
  return { ended: played.ended, failures, turns }
}

/** The turns of every schedule of a plan. */
export async function turnsOf(open: OpenPlace, plan: Plan, bounds: CheckOptions): Promise<string[]> {
  const all: string[] = []
  const run = async (choose: Chooser) => {
    const { ended, turns } = await runOnce(open, plan, choose)
    if (ended) all.push(turns)
    return { ended, enough: false }
  }
  await explore(run, bounds)
  return all
}

/** The shortest schedule of each fault. */
export function reportOf(failures: readonly Failure[]): string {
  const groups = new Map<string, Failure[]>()
  for (const failure of failures) {
    const fault = `${failure.invariant}: ${failure.what}`
    groups.set(fault, [...(groups.get(fault) ?? []), failure])
  }
  return [...groups]
    .map(([fault, group]) => {
      const [{ plan, order }] = group.sort((a, b) => a.order.length - b.order.length) as [Failure]
      return `${fault} (${group.length} plans)\n    ${titleOf(plan)}\n    ${order}`
    })
    .join('\n')
}

/** Ids are random. They are named in the order in which they appear. */
function orderOf({ order }: Played): string {
  const names = new Map<string, string>()
  return order
    .map(({ actor, name, on }) => {
      if (!names.has(on)) names.set(on, `#${names.size + 1}`)
      return `${actor} ${name} ${names.get(on)}`
    })
    .join(', ')
}
