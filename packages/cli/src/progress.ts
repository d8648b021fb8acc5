import { line } from './output.ts'
import { number, rate, sessions } from './words.ts'

/** How a long work shows that it goes on. */
export interface Display {
  readonly progress: (done: number) => void
  end(): void
}

export const silent: Display = { progress: () => {}, end: () => {} }

/** A line a second with the count and the rate, for logs; none for what is done at once. */
export function lines(verb: string): Display {
  const startedAt = performance.now()
  let toldAt = startedAt
  return {
    progress(done) {
      const now = performance.now()
      if (now - toldAt < 1000) return
      toldAt = now
      line(`${verb} ${sessions(done)} so far, ${rate(done, now - startedAt)}.`)
    },
    end: () => {},
  }
}

/** A bar on a terminal; without colours, in which both ends of the bar would look the same, the numbers alone. */
export async function barFor(total: number): Promise<Display> {
  const { progress, settings, spinner } = await import('@clack/prompts')
  const look = { withGuide: false, cancelMessage: 'Stopping after this batch …' }
  const coloured = process.stdout.hasColors() ? progress({ ...look, max: total }) : null
  const bar = coloured ?? spinner(look)
  // Clack ends the process, with code 0 and in the middle of a batch, at the keys that it takes for "cancel". Without them,
  // and with the terminal's own Ctrl-C, a SIGINT comes to whoever works.
  settings.aliases.clear()
  bar.start(`0 of ${number(total)}`)
  if (process.stdin.isTTY) process.stdin.setRawMode(false)
  const startedAt = performance.now()
  let shown = 0
  return {
    progress(done) {
      // More may come while we are at it.
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
