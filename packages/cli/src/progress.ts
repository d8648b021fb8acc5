import { number, rate, sessionCount } from './format.ts'
import { line } from './output.ts'

/** Shows that a long operation is making progress. */
export interface Display {
  readonly progress: (done: number) => void
  end(): void
}

export const silent: Display = { progress: () => {}, end: () => {} }

/** For logs: a line a second with the count and the rate, and none for what takes less than a second. */
export function lines(verb: string): Display {
  const startedAt = performance.now()
  let printedAt = startedAt
  return {
    progress(done) {
      const now = performance.now()
      if (now - printedAt < 1000) return
      printedAt = now
      const speed = rate(done, now - startedAt)
      line(`${verb} ${sessionCount(done)} so far${speed && `, ${speed}`}.`)
    },
    end: () => {},
  }
}

/** For a terminal: a bar. Without colours both ends of the bar would look the same, so then only the numbers. */
export async function barFor(total: number): Promise<Display> {
  const { progress, settings, spinner } = await import('@clack/prompts')
  const look = { withGuide: false, cancelMessage: 'Stopping after this batch …' }
  const coloured = process.stdout.hasColors() ? progress({ ...look, max: total }) : null
  const bar = coloured ?? spinner(look)
  // On its "cancel" keys, Clack ends the process with code 0 in the middle of a batch. Without those keys, and with the
  // terminal handling Ctrl-C itself, the command gets a SIGINT and stops at a safe point.
  settings.aliases.clear()
  bar.start(`0 of ${number(total)}`)
  if (process.stdin.isTTY) process.stdin.setRawMode(false)
  const startedAt = performance.now()
  let shown = 0
  return {
    progress(done) {
      // Sessions may be added while the command runs.
      const counts = `${number(done)} of ${number(Math.max(total, done))}`
      const speed = rate(done, performance.now() - startedAt)
      const text = speed ? `${counts}, ${speed}` : counts
      if (coloured) coloured.advance(done - shown, text)
      else bar.message(text)
      shown = done
    },
    end: () => bar.clear(),
  }
}
