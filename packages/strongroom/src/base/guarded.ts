/**
 * A listener whose error must not become the visitor's, nor end the process if the listener is async. Returns what the listener returns,
 * and undefined where it threw. There are at most `most` warnings.
 */
export function guarded<Args extends unknown[], T>(
  name: string,
  listener: (...given: Args) => T,
  most = Infinity,
): (...given: Args) => T | undefined {
  let left = most
  const warn = (error: unknown) => {
    if (left-- > 0)
      process.emitWarning(`${name} threw: ${error instanceof Error ? String(error.name) : 'an error'}`, {
        code: 'STRONGROOM_LISTENER',
        // Where, and not its message, which is the application's and may hold what nobody should read in a log.
        detail: framesOf(error),
      })
  }
  return (...given) => {
    try {
      const result = listener(...given)
      if (result instanceof Promise) result.catch(warn)
      return result
    } catch (error) {
      warn(error)
    }
  }
}

/** The same for an observer, with a single warning: every request is observed. */
export const guardedObserver = <Args extends unknown[]>(listener: (...given: Args) => unknown) =>
  guarded('An observer of the sessions', listener, 1)

/**
 * What follows the message in the stack. Lines of the message may look like frames, so there are none where the stack does not begin with
 * it: it was changed later, or the application makes stacks of its own.
 */
export function framesOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  const stack = String(error.stack)
  const head = stack.replace(/^[^\n:]*(?:: )?/, '')
  const frames = `${error.message}\n    at `
  return head.startsWith(frames) ? head.slice(error.message.length + 1) : ''
}
