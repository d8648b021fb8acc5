import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import type { Store } from '../../../packages/strongroom/src/store.ts'
import { killed, start } from './child.ts'
import { countOf, WRITES } from './state.ts'
import type { Where } from './where.ts'

interface Said {
  readonly count: number
  readonly deadline: number
}
/** The last thing that was acknowledged of each session. */
export type Acknowledged = Map<Id, Said | 'gone'>

/** A process that writes, and what it was told is there. */
export class Writer {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  heard = 0

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#lines = createInterface({ input: child.stdout ?? assert.fail() })[Symbol.asyncIterator]()
  }

  static async start(where: Where): Promise<Writer> {
    return new Writer(await start('writer', where))
  }

  /** Lets it write; after so many acknowledgements something happens. Answers what was acknowledged until it stopped. */
  async until(acknowledgements: number, then: () => void): Promise<Acknowledged> {
    const last: Acknowledged = new Map()
    this.#child.send('go')
    for (let heard = 0; ; ) {
      const { value: line = 'idle', done } = await this.#lines.next()
      const [id, what, deadline] = line.split(' ')
      assert.notEqual(id, 'fault', line)
      if (done || id === 'idle') {
        assert.ok(heard >= acknowledgements, `the writer stopped after ${heard} acknowledgements: ${line}`)
        this.heard += heard
        return last
      }
      last.set(id as Id, what === 'gone' ? 'gone' : { count: Number(what), deadline: Number(deadline) })
      heard += 1
      if (heard === acknowledgements) then()
    }
  }

  kill = () => killed(this.#child)
}

/**
 * Compares a store with what was acknowledged: how many sessions have lost something. What was on its way when all stopped may
 * have arrived or not: one step more than was acknowledged is right, too. A half session is never right.
 */
export async function losses(store: Store, last: Acknowledged): Promise<number> {
  let lost = 0
  const look = async ([id, said]: [Id, Said | 'gone']) => {
    const found = await store.read(id)
    if (said === 'gone') lost += found ? 1 : 0
    // The delete that follows the last write.
    else if (!found) lost += said.count === WRITES ? 0 : 1
    else {
      const count = countOf(id, found.entry.bytes)
      assert.ok(count !== null, 'a half session')
      const kept = count === said.count ? found.entry.expiresAt >= said.deadline : count === said.count + 1
      lost += kept ? 0 : 1
    }
  }
  await Promise.all([...last].map(look))
  return lost
}

async function rewritten(store: Store, id: Id): Promise<boolean> {
  const found = await store.read(id)
  assert.ok(found && countOf(id, found.entry.bytes) !== null, 'a half session')
  return (await store.update(id, found.entry, found.version)) !== null
}

/** Nothing that rests is half, and all of it can be changed: whoever died holds no lock. */
export async function allAreWhole(store: Store): Promise<void> {
  for await (const page of store.scan?.({ page: 32 }) ?? [])
    await Promise.all(
      page.map(async ({ id }) => {
        // A cache may be behind by the write whose process died before it told the cache; the first refusal finds that out.
        const written = (await rewritten(store, id)) || (await rewritten(store, id))
        assert.ok(written, 'it can be changed no more')
        await store.delete(id)
      }),
    )
}
