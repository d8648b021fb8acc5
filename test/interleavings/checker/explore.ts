import assert from 'node:assert/strict'
import type { Access, HeldOperation } from './gates.ts'

/** How often a schedule is begun again that went another way than before. */
const ATTEMPTS = 50

/** Says which operation runs next; null to give the run up. */
export type Chooser = (held: readonly HeldOperation[]) => HeldOperation | null

export interface Exploration {
  /** Schedules that ran to their end. */
  schedules: number
  /** Choices that lead to a state that was explored already, by an order of independent operations. */
  pruned: number
  /** Choices that need more preemptions than allowed. */
  bounded: number
  /** Prefixes that could not be followed again, because chance had decided something in them. */
  lost: number
  /** Was it given up before everything was explored? */
  isCut: boolean
}

interface Step {
  readonly actor: string
  readonly access: Access
  readonly ends: boolean
  readonly begins: boolean
  readonly signature: number
}

const shares = (some: readonly string[], others: readonly string[]) => some.some((one) => others.includes(one))

/**
 * Two operations are dependent if they touch the same entry or owner and one of them writes. So are the beginning of a login
 * and an end, because whether the login must survive depends on their order.
 */
function areDependent(a: Omit<Step, 'signature'>, b: Omit<Step, 'signature'>): boolean {
  if (a.actor === b.actor || (a.begins && b.ends) || (a.ends && b.begins)) return true
  const [x, y] = [a.access, b.access]
  return shares(x.writes, y.writes) || shares(x.writes, y.reads) || shares(x.reads, y.writes)
}

/**
 * The operations that have run, as a partial order. Runs that differ only in the order of independent operations have the same
 * signature, and end in the same state.
 */
class Trace {
  readonly #known: Map<string, number>
  readonly #steps: Step[] = []
  readonly #latest = new Map<string, number>()

  /** Traces with the same `known` can be compared. */
  constructor(known: Map<string, number>) {
    this.#known = known
  }

  #next(held: HeldOperation): Step {
    const { actor, ends, begins } = held
    const step = { actor, ends, begins, access: held.access() }
    const before = this.#steps.filter((earlier) => areDependent(earlier, step)).map(({ signature }) => signature)
    return { ...step, signature: this.#number(`${held.key} ${held.name} after ${before.sort((a, b) => a - b)}`) }
  }

  #number(text: string): number {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    this.#known.set(text, this.#known.size)
    return this.#known.size - 1
  }

  /** The signature that the trace would have after this operation. */
  with(held: HeldOperation): string {
    const next = new Map(this.#latest).set(held.actor, this.#next(held).signature)
    return [...next].sort(([a], [b]) => (a < b ? -1 : 1)).join(' ')
  }

  add(held: HeldOperation): void {
    const step = this.#next(held)
    this.#steps.push(step)
    this.#latest.set(step.actor, step.signature)
  }
}

/**
 * Runs every order of the operations that needs at most so many preemptions (switches away from an actor that could go on),
 * without two that differ only in the order of independent operations. Each is run from the start, with a prefix of choices.
 * `run` resolves to whether it came to its end (or the chooser gave it up), and whether that is enough.
 */
export async function explore(
  run: (choose: Chooser) => Promise<{ ended: boolean; enough: boolean }>,
  { preemptions, most = Number.POSITIVE_INFINITY }: { preemptions: number; most?: number | undefined },
): Promise<Exploration> {
  const counts: Exploration = { schedules: 0, pruned: 0, bounded: 0, lost: 0, isCut: false }
  const known = new Map<string, number>()
  /** Signature of a state and the actor that ran last, with the fewest preemptions that led there. */
  const visited = new Map<string, number>()
  /** By the number of their preemptions. Those with few are explored first, because few show most faults. */
  const waiting: (readonly string[])[][] = Array.from({ length: preemptions + 1 }, () => [])
  const pop = () => waiting.find((paths) => paths.length > 0)?.pop()
  let diversions = 0

  for (let prefix: readonly string[] | undefined = []; prefix; prefix = counts.schedules < most ? pop() : undefined) {
    let isDiverted = false
    const trace = new Trace(known)
    const path: string[] = []
    let last: string | null = null
    let spent = 0
    const costOf = ({ actor }: HeldOperation, held: readonly HeldOperation[]) =>
      spent + (last !== null && actor !== last && held.some((other) => other.actor === last) ? 1 : 0)
    const take = (next: HeldOperation, cost: number) => {
      trace.add(next)
      path.push(next.key)
      last = next.actor
      spent = cost
      return next
    }

    const choose: Chooser = (held) => {
      const planned = prefix[path.length]
      if (planned !== undefined) {
        const next = held.find(({ key }) => key === planned)
        isDiverted = next === undefined
        return next ? take(next, costOf(next, held)) : null
      }
      let chosen: { next: HeldOperation; cost: number } | null = null
      // First those that need no preemption.
      for (const next of [...held].sort((a, b) => costOf(a, held) - costOf(b, held))) {
        const cost = costOf(next, held)
        if (cost > preemptions) {
          counts.bounded++
          continue
        }
        const state = `${trace.with(next)} ${next.actor}`
        if ((visited.get(state) ?? Number.POSITIVE_INFINITY) <= cost) {
          counts.pruned++
          continue
        }
        visited.set(state, cost)
        if (chosen) waiting[cost]?.push([...path, next.key])
        else chosen = { next, cost }
      }
      return chosen && take(chosen.next, chosen.cost)
    }
    const { ended, enough } = await run(choose)
    if (ended) counts.schedules++
    if (enough) break
    // Where only ids tell two sessions apart, chance decides which of them is the older one; and a cache takes ids for the same of
    // which only the beginnings are.
    diversions = isDiverted ? diversions + 1 : 0
    if (diversions === ATTEMPTS) counts.lost++
    else if (isDiverted) waiting[0]?.push(prefix)
    if (diversions === ATTEMPTS) diversions = 0
  }
  assert.ok(counts.lost <= 1 + counts.schedules / 100, `the same choices led elsewhere ${counts.lost} times`)
  counts.isCut = waiting.some((paths) => paths.length > 0)
  return counts
}

/** Lets the actors take turns as they did in another run, on this store or another one: `OOTO`. Turns that cannot be are left out. */
export function inOrderOf(turns: string): Chooser {
  const rest = [...turns]
  return (held) => {
    while (rest.length > 0) {
      const actor = rest.shift()
      const next = held.find((operation) => operation.actor === actor)
      if (next) return next
    }
    return held[0] ?? null
  }
}

/** Any order, the same for the same seed. Most of the time an actor goes on, because faults need few switches. */
export function atRandom(seed: number): Chooser {
  // So that neighbouring seeds have nothing in common.
  let state = ((seed * 2_654_435_761) % 2_147_483_646) + 1
  const random = (below: number) => {
    // Park and Miller's generator: small, and the same everywhere.
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
  let last: string | null = null
  return (held) => {
    const own = held.filter(({ actor }) => actor === last)
    const from = own.length > 0 && random(3) > 0 ? own : held
    const next = from[random(from.length)] as HeldOperation
    last = next.actor
    return next
  }
}
