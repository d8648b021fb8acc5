import { readFileSync } from 'node:fs'
import { apart } from '../processors.ts'

/** Time of one processor so far, in µs. */
export interface Ticks {
  /** Spent on any program, and on interrupts. */
  readonly busy: number
  /** Taken by other virtual machines of the same host. */
  readonly stolen: number
}

const TICK = 10_000

/** From the text of /proc/stat, whose fields are user, nice, system, idle, iowait, irq, softirq and steal. */
export function ticksOf(stat: string, processor: number): Ticks {
  const fields = new RegExp(`^cpu${processor} (.+)$`, 'm').exec(stat)?.[1]?.split(' ').map(Number) ?? []
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, stolen = 0] = fields
  return { busy: (user + nice + system + irq + softirq) * TICK, stolen: stolen * TICK }
}

/** Null where the server has no processor of its own, or the system does not say. */
export function readTicks(processor: number): Ticks | null {
  if (!apart) return null
  try {
    return ticksOf(readFileSync('/proc/stat', 'utf8'), processor)
  } catch {
    return null
  }
}

/**
 * The share of the processor that others than the server had. A server's own time may or may not include stolen time, so that
 * is added and not subtracted.
 */
export function foreignShare(before: Ticks | null, after: Ticks | null, own: number, elapsed: number): number {
  if (!before || !after) return 0
  const others = Math.max(0, after.busy - before.busy - own)
  return (others + after.stolen - before.stolen) / elapsed
}
