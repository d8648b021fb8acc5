import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import type { Store } from '../../../packages/strongroom/src/store.ts'

/** A store call of a gated task, held before it is made or before its answer is given. */
export interface Held {
  readonly task: string
  readonly call: string
  readonly when: 'before' | 'after'
  /** Lets it go on; resolves when the store has answered, or at once after the answer. */
  open(): Promise<void>
}

/**
 * Holds the store calls of chosen tasks at every point where another task can run in between, so that a test decides the
 * order of everything that two requests do. Calls from outside a task pass.
 */
export class Gates {
  readonly held: Held[] = []
  readonly #task = new AsyncLocalStorage<string>()

  /** Runs a task whose store calls are held. */
  run<T>(task: string, work: () => Promise<T>): Promise<T> {
    return this.#task.run(task, work)
  }

  /** Runs work whose calls pass, also from within a task. */
  free<T>(work: () => Promise<T>): Promise<T> {
    return this.#task.exit(work)
  }

  around<S extends Store>(store: S): S {
    const wrap =
      (call: string, method: (...args: never[]) => Promise<unknown>) =>
      (...args: never[]) =>
        this.#hold(call, () => method(...args))
    const names = ['create', 'read', 'update', 'touch', 'delete'] as const
    const gated = Object.fromEntries(names.map((name) => [name, wrap(name, store[name].bind(store) as never)]))
    const { byOwner: owned } = store
    return {
      traits: store.traits,
      clearExpired: store.clearExpired.bind(store),
      close: store.close.bind(store),
      ...(store.scan && { scan: store.scan.bind(store) }),
      ...gated,
      ...(owned && {
        byOwner: { list: wrap('list', owned.list as never), deleteAll: wrap('deleteAll', owned.deleteAll as never) },
      }),
    } as unknown as S
  }

  #hold(call: string, make: () => Promise<unknown>): Promise<unknown> {
    const task = this.#task.getStore()
    if (task === undefined) return make()
    return new Promise((resolve, reject) => {
      const place = (when: Held['when'], open: () => Promise<void>) => {
        const held = {
          task,
          call,
          when,
          open: () => {
            this.held.splice(this.held.indexOf(held), 1)
            return open()
          },
        }
        this.held.push(held)
      }
      place('before', async () => {
        const answer = make()
        await answer.catch(() => undefined)
        place('after', async () => {
          answer.then(resolve, reject)
        })
      })
    })
  }
}

/** Lets everything run that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  await turn()
  await turn()
}

/** Runs tasks to their ends; `choose` says which of the held calls goes on next. */
export async function race<T>(
  gates: Gates,
  tasks: readonly (() => Promise<T>)[],
  choose: (count: number) => number,
): Promise<PromiseSettledResult<T>[]> {
  // Reads of an earlier request in the same turn would be shared, and have no gate of their own.
  await settle()
  let results: PromiseSettledResult<T>[] | undefined
  Promise.allSettled(tasks.map((task, i) => gates.run(`${i}`, task))).then((all) => {
    results = all
  })
  for (;;) {
    await settle()
    if (results) return results
    const next = gates.held[choose(gates.held.length)]
    assert.ok(next, 'a task waits for something that is no store call')
    await next.open()
  }
}

/**
 * Runs `slow`, and `sudden` in full at its n-th point (0 is before its first call); false when `slow` has fewer points.
 * Calling it with 0, 1, 2, … until it answers false tries every point there is.
 */
export async function interrupt(
  gates: Gates,
  slow: () => Promise<unknown>,
  sudden: () => Promise<unknown>,
  at: number,
): Promise<{ reached: boolean; result: PromiseSettledResult<unknown> }> {
  await settle()
  let result: PromiseSettledResult<unknown> | undefined
  let reached = false
  Promise.allSettled([gates.run('slow', slow)]).then(([only]) => {
    result = only
  })
  for (let point = 0; ; point++) {
    await settle()
    if (result) return { reached, result }
    if (point === at) {
      reached = true
      await gates.free(sudden)
      await settle()
      if (result) return { reached, result }
    }
    const next = gates.held[0]
    assert.ok(next, 'the slow task waits for something that is no store call')
    await next.open()
  }
}
