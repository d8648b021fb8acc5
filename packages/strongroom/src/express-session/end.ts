import { type Fail, failAfter } from '../adapters/node/fail.ts'
import { hasEnded, type NodeResponse } from '../adapters/node/head.ts'
import type { ExpressVisit } from './visit.ts'

type End = (this: NodeResponse, ...args: unknown[]) => unknown

interface Ending {
  readonly visit: ExpressVisit
  readonly original: End
  readonly fail: Fail
  /** Is the end held back until what was changed last is saved? */
  isHeld: boolean
}

const ENDING = Symbol('strongroom express-session end')
type Ended = NodeResponse & { [ENDING]?: Ending }

/**
 * As in express-session: what a handler changes between the first byte and the end of its response is saved before the end is sent, and
 * a second end does nothing. All responses share the function, as in adapters/node/watch.ts.
 */
export function watchEnd(response: NodeResponse, visit: ExpressVisit, fail: Fail): void {
  const methods = response as unknown as { end: End }
  const ending = { visit, original: methods.end, fail, isHeld: false }
  // A session() with another cookie watches this response already.
  if (ENDING in response) methods.end = (...args) => endWith(ending, response, args)
  else {
    ;(response as Ended)[ENDING] = ending
    methods.end = end
  }
}

function end(this: NodeResponse, ...args: unknown[]): unknown {
  return endWith((this as Ended)[ENDING] as Ending, this, args)
}

function endWith(ending: Ending, response: NodeResponse, args: unknown[]): unknown {
  const { visit, original, fail } = ending
  if (ending.isHeld && !visit.hasFailed) return false
  // The page about an error is the second end of a response whose first one was never sent.
  if (hasEnded(response)) return false
  const saving = visit.hasFailed ? null : beforeEnd(visit)
  if (!saving) return original.apply(response, args)
  ending.isHeld = true
  const { write } = response
  // After the end, nothing is written any more.
  Object.assign(response, { write: () => false })
  const finish = () => {
    Object.assign(response, { write })
    return original.apply(response, args)
  }
  saving.then(
    (isSent) => (isSent ? finish() : Object.assign(response, { write })),
    (error) => {
      failAfter({ response, fail }, error)
      finish()
    },
  )
  return response
}

/** What cannot be saved must not be thrown at what ends the response: for a pipe, nobody could catch it. */
function beforeEnd(visit: ExpressVisit): Promise<boolean> | null {
  try {
    return visit.beforeEnd()
  } catch (error) {
    return Promise.reject(error)
  }
}
