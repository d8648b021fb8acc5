/**
 * In place of `node:test` where the suites are bundled for another runtime: it only collects what they define, to be run one by one.
 * Their tests are reported by the Node that has started that runtime, each under its own title.
 */
export interface CollectedTest {
  /** The titles of the suites that it is in, and its own. */
  readonly path: readonly string[]
  /** Why it is not run, if it is not. */
  readonly skip: string | null
  /** In ms. */
  readonly timeout: number
  readonly run: (context: { skip(reason?: string): void }) => unknown
}

export interface Outcome {
  readonly path: readonly string[]
  readonly outcome: 'passed' | 'skipped' | 'failed'
  /** The reason, or the error with its stack. */
  readonly why?: string
}

interface Options {
  readonly skip?: string | boolean
  readonly timeout?: number
}

export const collected: CollectedTest[] = []
const within: string[] = []

export function describe(name: string, ...rest: readonly unknown[]): void {
  const { work } = split(rest)
  within.push(name)
  work()
  within.pop()
}

export function it(name: string, ...rest: readonly unknown[]): void {
  const { options, work } = split(rest)
  const { skip = false, timeout = 20_000 } = options
  collected.push({
    path: [...within, name],
    skip: skip === false ? null : String(skip),
    timeout,
    run: work as CollectedTest['run'],
  })
}

function split(rest: readonly unknown[]): { options: Options; work: () => unknown } {
  const [first, second] = rest
  const isWork = typeof first === 'function'
  return { options: (isWork ? {} : (first ?? {})) as Options, work: (isWork ? first : (second ?? (() => {}))) as never }
}

/** Runs one test, with its time limit. */
export async function outcomeOf({ path, skip, timeout, run }: CollectedTest): Promise<Outcome> {
  if (skip !== null) return { path, outcome: 'skipped', why: skip }
  let skipped: string | null = null
  const context = {
    skip(reason = '') {
      skipped = reason
    },
  }
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The test took longer than ${timeout} ms.`)), timeout)
  })
  try {
    await Promise.race([run(context), late])
    return skipped === null ? { path, outcome: 'passed' } : { path, outcome: 'skipped', why: skipped }
  } catch (error) {
    return { path, outcome: 'failed', why: textOf(error) }
  } finally {
    clearTimeout(timer)
  }
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { stack = '', message, cause } = error
  const own = stack.includes(message) ? stack : `${error.name}: ${message}\n${stack}`
  return cause === undefined ? own : `${own}\ncaused by ${textOf(cause)}`
}
