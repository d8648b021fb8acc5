import { setImmediate as nextTurn } from 'node:timers/promises'
import { isLoaded } from '../backing/backing.ts'
import { checkOptions, oneOf } from '../base/check.ts'
import type { SessionsContext } from '../context.ts'
import { StoreError, UnsupportedError } from '../errors.ts'
import type { Content } from '../session/content.ts'
import { copied, dropCopies, leaveCopy } from './copies.ts'
import { contentOf, NEEDS_STORE, type Origin } from './origin.ts'
import { hasEnded, receiptOf, take } from './receipts.ts'
import type { SourceSession } from './source.ts'

/** Options of `adopt`. */
export interface AdoptOptions {
  /** The `name` of the `AdoptionSource`. */
  readonly source: string
  /** The key as its `keyIn` returns it. */
  readonly key: string
  readonly session: SourceSession
  /**
   * `session` (default): the source's session no longer counts. `copy`: it goes on where it is, and the copy is for an
   * `AdoptionSource` without `read`, once its storage is gone.
   */
  readonly as?: 'session' | 'copy' | undefined
}

/** What `adopt` has done with the session. */
export interface AdoptReport {
  /** `exists`: it was adopted before, or the copy is up to date; `ended`: it has ended, at the source or here. */
  readonly outcome: 'created' | 'refreshed' | 'exists' | 'ended'
  /** Was it read back from the store, and found to be as it was stored? False if its visitor was faster. */
  readonly compared: boolean
}

const ENDED: AdoptReport = { outcome: 'ended', compared: false }
const EXISTS: AdoptReport = { outcome: 'exists', compared: false }

/** Adopts a session without a request of its visitor. */
export async function adopt(context: SessionsContext, options: AdoptOptions): Promise<AdoptReport> {
  checkOptions('adopt()', options, ['source', 'key', 'session', 'as'])
  const { source: name, key, session } = options
  const as = oneOf('adopt(): as', options.as ?? 'session', ['session', 'copy'])
  if (!context.backing.createUnder) throw new UnsupportedError(NEEDS_STORE)
  const origin = context.adoption?.originOf(name, key) ?? { name, key, until: 0, stateless: false }
  if (await receiptOf(context, origin)) return EXISTS
  const content = await contentOf(context, session, null)
  if (!content) return ENDED
  return as === 'copy' ? adoptCopy(context, origin, content) : adoptSession(context, origin, content)
}

async function adoptSession(context: SessionsContext, origin: Origin, content: Content): Promise<AdoptReport> {
  const taken = await take(context, origin, content, { sends: false })
  await dropCopies(context, origin)
  if (!taken) return ENDED
  const { found, created } = taken
  const isSame = isLoaded(found) && found.data === content.data && found.meta.userId === content.meta.userId
  return { outcome: created ? 'created' : 'exists', compared: created && isSame }
}

async function adoptCopy(context: SessionsContext, origin: Origin, content: Content): Promise<AdoptReport> {
  if (await hasEnded(context, origin, content.meta.userId)) return ENDED
  const outcome = await leaveCopy(context, origin, content)
  // In another turn: within one turn reads are shared, and the load that follows would be that of leaveCopy.
  await nextTurn()
  const copy = await copied(context, origin)
  // Its visitor was faster, and dropped the copies that there were, but not one that was left a moment later.
  if (await receiptOf(context, origin)) {
    await dropCopies(context, origin)
    return EXISTS
  }
  if (copy?.data === content.data && copy.meta.userId === content.meta.userId) return { outcome, compared: true }
  throw new StoreError('The store did not return the session as it was stored.')
}
