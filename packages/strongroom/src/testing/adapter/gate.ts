import { setImmediate } from 'node:timers/promises'

/** A promise that a test resolves when it wants to. */
export interface Gate {
  readonly opened: Promise<void>
  open(): void
}

export function gate(): Gate {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** Makes all callers wait until `count` of them have arrived. */
export function barrier(count: number): () => Promise<void> {
  const { opened, open } = gate()
  let arrived = 0
  return () => {
    arrived += 1
    if (arrived === count) open()
    return opened
  }
}

/** Waits for `count` turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await setImmediate()
}

/** Checks the condition in every turn of the event loop until it holds. The test's own timeout is the limit. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await setImmediate()
}
