import type { Check, Topic } from './check.ts'

/** Ms by which two clocks may differ: less is noise, and more ends sessions early, or late. */
const LEAST = 1_000
const MOST = 60_000

export interface Clocks {
  /** "PostgreSQL", "the site". */
  readonly whose: string
  /** Ms since 1970, as the other side said. NaN if it did not. */
  readonly theirs: number
  /** Ours, just before it was asked and just after. */
  readonly before: number
  readonly after: number
  /** In ms: how precise their clock is said. */
  readonly precision?: number
}

/** Does another clock go as ours? Deadlines are compared with the clock of whichever server looks at them. */
export function clockCheck(topic: Topic, name: string, { whose, theirs, before, after, precision = 0 }: Clocks): Check {
  if (!Number.isFinite(theirs)) return topic.unknown(name, `The time of ${whose} is not known: it does not tell it.`)
  const ahead = theirs - after
  const behind = before - (theirs + precision)
  const apart = Math.max(ahead, behind, 0)
  if (apart < LEAST) return topic.green(name, `The clock of ${whose} goes as the one of this machine.`)
  const seconds = Math.round(apart / 1000)
  const what = `The clock of ${whose} is ${seconds} s ${ahead > 0 ? 'ahead of' : 'behind'} the one of this machine: sessions end too early or too late.`
  const mend = 'Run a time service on both machines (chrony, systemd-timesyncd): timedatectl set-ntp true'
  return apart < MOST ? topic.amber(name, what, mend) : topic.red(name, what, mend)
}

/** For a server that is asked now. */
export async function serverClock(
  topic: Topic,
  { whose, now, ask }: { readonly whose: string; readonly now: () => number; readonly ask: () => Promise<number> },
): Promise<Check> {
  const before = now()
  const theirs = await ask()
  return clockCheck(topic, 'clock', { whose, theirs, before, after: now() })
}
