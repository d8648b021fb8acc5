import type { SessionRef, VerifiedCookie } from '../backing/backing.ts'
import type { AuditedRequest, SignalSource } from '../context.ts'
import { handleOf } from '../crypto/token.ts'
import { SessionGoneError } from '../errors.ts'
import type { EventDetails, RevokeReason, SessionEvent } from '../events.ts'
import { checkValue, type Meta, type Values } from '../session/content.ts'
import { expiryAfter, type RequestedLifetime } from '../session/lifetime.ts'
import { applyChanges, type Changes } from '../session/merge.ts'
import type { State } from '../session/state.ts'
import { nextMeta } from './next-meta.ts'

/** A request that commits its session. */
export interface Task extends AuditedRequest, SignalSource {
  /** The new credential stamp, which `commit` makes; null before that, and if there is none. */
  readonly stamp: string | null
  /** When the save began; undefined if nobody is told how long it took. */
  readonly began: number | undefined
  /** Does it leave the deadline where it is? A request that a browser makes by itself is no use of the session. */
  readonly isStill?: boolean
}

export const metaFor = (task: Task, before: Meta | null) => nextMeta(task.context, task.state, before, task)

/** Never earlier than what was promised, even when the clock jumps back, unless the application itself shortens it. */
export function expiryFor({ context, state, isStill }: Task, meta: Meta, before?: SessionRef): number {
  if (before && isStill) return before.expiresAt
  const next = expiryAfter(context.clock(), meta)
  return before && !state.lifetime ? Math.min(Math.max(next, before.expiresAt), meta.deadline) : next
}

export function requestedOf({ intent, lifetime }: State): RequestedLifetime | undefined {
  const remember = intent?.verb === 'login' ? intent.options.remember : undefined
  return remember === undefined && lifetime === null ? undefined : { remember, change: lifetime }
}

export const contentOf = (meta: Meta, values: Values) => ({ meta, data: JSON.stringify(values) })

/** An update that runs again may return what it did not return before, so its result is checked, too. */
export function applyAgain({ state }: Task, changes: Changes, newer: Values): Values {
  const values = applyChanges(changes, newer)
  for (const [key, edit] of changes.edits)
    if (edit.kind === 'update' && Object.hasOwn(values, key)) checkValue(key, values[key])
  return state.dataRules?.check(values, changes, { shared: newer }) ?? values
}

export function gone(task: Task, ref: SessionRef): SessionGoneError {
  report(task, ref.cookie, (handle) => ({ type: 'gone', handle }))
  return new SessionGoneError()
}

/** `userId` where the task has no state, which would know whose session it is. */
export function revoked(
  task: Pick<Task, 'context'> & Pick<EventDetails, 'userId'>,
  { cookie }: SessionRef,
  reason: RevokeReason,
): void {
  task.context.ends.tell({ id: cookie.id, reason })
  report(task, cookie, (handle) => ({ type: 'revoked', handle, count: 1, reason }))
}

/** A handle costs a hash or two, so it is only made if somebody listens. */
export function report(
  task: Pick<Task, 'context'> & Partial<Pick<Task, 'began'>>,
  cookie: VerifiedCookie,
  event: (handle: string) => SessionEvent,
): void {
  const { emit } = task.context
  if (emit.wanted()) emit(event(emit.wantsHandle() ? handleOf(cookie.id) : ''), task)
}
