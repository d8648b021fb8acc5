import { setImmediate } from 'node:timers/promises'

/** Something that waits until it is told to go on. */
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

/** Holds everybody who comes until so many have come. */
export function barrier(count: number): () => Promise<void> {
  const { opened, open } = gate()
  let come = 0
  return () => {
    come += 1
    if (come === count) open()
    return opened
  }
}

/** Lets everything else on the event loop have its turn, so many times. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await setImmediate()
}

/** Waits, turn by turn, for what others bring about; the test's own time limit ends it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await setImmediate()
}
