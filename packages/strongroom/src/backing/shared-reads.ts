import type { Awaitable } from '../base/awaitable.ts'
import { isWorker } from '../base/worker.ts'
import type { Id } from '../crypto/token.ts'
import type { Store } from '../store.ts'

type Read = ReturnType<Store['read']>

/**
 * Parallel reads of one id within one turn of the event loop are one read. Not longer: a read that began before a logout must
 * not answer a request that came after it.
 */
export function sharedReads(readFromStore: Store['read']) {
  // A new Map for each turn, never one that is cleared: V8 links a cleared Map's table to the next one, and once one of them
  // is old, everything they held (a request and all it refers to) lives until the next full collection.
  let begun: Map<Id, Read> | null = null
  const forget = () => {
    begun = null
  }
  return {
    get(id: Id): Read {
      // The end of the turn would be missed if the request that waits for it ends before, and an old read would be shared for ever.
      if (isWorker) return readFromStore(id)
      const running = begun?.get(id)
      if (running) return running
      if (!begun) {
        begun = new Map()
        setImmediate(forget)
      }
      const read = readFromStore(id)
      begun.set(id, read)
      return read
    },
    /** After a write (of all ids: null), reads that began before it or while it ran are too old to be shared. */
    around<W extends Awaitable<unknown>>(id: Id | null, write: () => W): W {
      const tooOld = () => {
        if (id === null) begun = null
        else begun?.delete(id)
      }
      tooOld()
      const written = write()
      // A write that has ended by now was synchronous, so no read can have begun while it ran.
      return written instanceof Promise ? (written.finally(tooOld) as W) : written
    },
  }
}
