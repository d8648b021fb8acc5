import assert from 'node:assert/strict'
import type { Store } from '../../../packages/strongroom/src/store.ts'
import { listed } from '../../../packages/strongroom/src/testing/store/expect.ts'
import { inOneStep } from '../../support/listing.ts'

/** While it is shut, holds every call to a store, so that a test decides the order in which the calls take effect. */
export class Gate {
  shut = false
  /** The calls that wait, oldest first. */
  readonly waiting: (() => void)[] = []

  around<S extends Store>(store: S): S {
    const wrap =
      <A extends unknown[], R>(method: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        if (this.shut) await new Promise<void>((resolve) => this.waiting.push(resolve))
        return method(...args)
      }
    const names = ['create', 'read', 'update', 'touch', 'delete'] as const
    const gated = Object.fromEntries(names.map((name) => [name, wrap(store[name].bind(store) as never)]))
    const { byOwner } = store
    return {
      traits: store.traits,
      clearExpired: store.clearExpired.bind(store),
      close: store.close.bind(store),
      ...gated,
      ...(byOwner && {
        byOwner: { list: inOneStep(wrap((owner) => listed(byOwner, owner))), deleteAll: wrap(byOwner.deleteAll) },
      }),
    } as unknown as S
  }
}

interface Schedule {
  readonly tasks: readonly (() => Promise<unknown>)[]
  /** Called before each step. */
  readonly step: () => void
  /** Called when all tasks have ended. */
  readonly check: () => Promise<void>
}
export type Make = (gate: Gate) => Promise<Schedule>

/** Runs the tasks in every order that their store calls can take. Resolves to the number of orders. */
export async function everyOrder(make: Make): Promise<number> {
  const path: number[] = []
  for (let runs = 1; ; runs++) {
    const widths: number[] = []
    await inOrder(make, (count) => {
      widths.push(count)
      path[widths.length - 1] ??= 0
      return path[widths.length - 1] as number
    })
    // The next path: change the last choice that has another alternative.
    path.length = widths.length
    while (path.length > 0 && (path.at(-1) as number) + 1 >= (widths[path.length - 1] as number)) path.pop()
    if (path.length === 0) return runs
    path[path.length - 1] = (path.at(-1) as number) + 1
  }
}

/** Runs the tasks in the chosen order, one call at a time. */
export async function inOrder(make: Make, choose: (count: number) => number): Promise<void> {
  const gate = new Gate()
  const { tasks, step, check } = await make(gate)
  gate.shut = true
  let results: PromiseSettledResult<unknown>[] | undefined
  Promise.allSettled(tasks.map((task) => task())).then((all) => {
    results = all
  })
  for (;;) {
    await settle(() => results !== undefined)
    if (results) break
    step()
    const [next] = gate.waiting.splice(choose(gate.waiting.length), 1)
    assert.ok(next, 'a task waits for something that is not a store call')
    next()
  }
  gate.shut = false
  for (const result of results) if (result.status === 'rejected') throw result.reason
  await check()
}

/** Everything here waits for promises and for nothing else, so it is done once their queue is empty. */
async function settle(done: () => boolean): Promise<void> {
  for (let hops = 0; hops < 30 && !done(); hops++) await null
}

export interface Deferred {
  readonly promise: Promise<void>
  resolve(): void
  reject(error: Error): void
}

/** A promise that the test settles. */
export function deferred(): Deferred {
  let settle: Omit<Deferred, 'promise'> | undefined
  const promise = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...(settle as unknown as Omit<Deferred, 'promise'>) }
}
