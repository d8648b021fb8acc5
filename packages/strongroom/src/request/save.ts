import {
  type ContentToSave,
  type Emptied,
  isLoaded,
  type Loaded,
  type LoadResult,
  type SessionRef,
} from '../backing/backing.ts'
import { type Awaitable, after } from '../base/awaitable.ts'
import { runExclusive } from '../base/mutex.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf } from '../crypto/token.ts'
import { ConflictError, SessionGoneError } from '../errors.ts'
import { shareable } from '../session/changes.ts'
import { isEmpty, type Meta, type Values } from '../session/content.ts'
import { NO_CHANGES, type Plan } from './plan.ts'
import { applyAgain, expiryFor, gone, metaFor, report, requestedOf, revoked, type Task } from './task.ts'

/** How often a save that loses against other requests is tried again. */
const ATTEMPTS = 200

type Save = Pick<Extract<Plan, { verb: 'write' }>, 'loaded' | 'changes' | 'renews'>
/** What is stored now; null if there is nothing any more, because nothing was left. */
export type Saved = Loaded | Emptied | null

/**
 * Saves what was changed, and renews the token where that was asked for. Fails with `SessionGoneError` if the session has ended. A
 * promise only if there is something to wait for; without one, it throws what it would reject with.
 */
export function save(task: Task, given: Save): Awaitable<Saved> {
  return after(trySave(task, given), (saved) => {
    if (saved === 'gone') throw gone(task.context, given.loaded.ref)
    return saved
  })
}

/**
 * The same, and `gone` if the session has ended. The first try is immediate. A request that loses it waits for its turn among this
 * process's other losers, so that in a burst of parallel requests each needs one more try, and there is no stampede.
 */
export function trySave(task: Task, given: Save): Awaitable<Saved | 'gone'> {
  const { loaded, changes } = given
  return after(saveOver(loaded, task, given, task.state.values, changes.text), (first) =>
    first === 'conflict'
      ? runExclusive(task.context, `session ${loaded.ref.cookie.id}`, () => saveOverNewer(task, given))
      : first,
  )
}

/** Loads again, applies this request's own changes to the newer copy, and tries again. */
async function saveOverNewer(task: Task, given: Save): Promise<Saved | 'gone'> {
  const { context } = task
  const { cookie } = given.loaded.ref
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    report(context, cookie, (handle) => ({ type: 'conflict', handle, attempt }))
    const newer = stillThere(await context.backing.load(cookie, { fresh: true }))
    if (!newer) return 'gone'
    const result = await saveOver(newer, task, given, applyAgain(given.changes, newer.values))
    if (result !== 'conflict') return result
  }
  throw tooBusy()
}

/** Also what another request of the same visitor has left empty: there was nothing to lose, and there is now. */
export function stillThere(result: LoadResult): Loaded | null {
  if (isLoaded(result)) return result
  return result && 'emptied' in result ? result.emptied : null
}

/** One try: by compare-and-set over this copy. */
function saveOver(
  copy: Loaded,
  task: Task,
  { renews }: Save,
  values: Values,
  text?: string | null,
): Awaitable<Saved | 'conflict'> {
  const { context, state } = task
  const meta = metaFor(task, copy.meta)
  if (meta.userId === null && isEmpty(values)) return leaveEmpty(context, copy, meta)
  const data = text ?? JSON.stringify(values)
  const shared = values === state.values ? shareable(state) : undefined
  const isLogin = state.intent?.verb === 'login'
  const credentialChanged = state.credentialChange !== null
  const content: ContentToSave = {
    meta,
    data,
    values: shared,
    requested: requestedOf(state),
    isLogin,
    credentialChanged,
  }
  const expiresAt = expiryFor(task, meta, copy.ref)
  const written: Awaitable<SessionRef | null> = renews
    ? context.backing.renew(copy.ref, content, expiresAt, copy)
    : context.backing.update(copy.ref, content, expiresAt, copy)
  return after(written, (ref) => {
    if (!ref) return 'conflict'
    const reason = isLogin ? 'login' : 'renew'
    report(context, ref.cookie, (handle) =>
      renews
        ? { type: 'renewed', handle, previous: handleOf(copy.ref.cookie.id), reason }
        : { type: 'updated', handle },
    )
    return { meta, data, values, shared: shared ?? copy.shared, ref }
  })
}

/** Instead of a session without a user and without values. */
async function leaveEmpty(context: SessionsContext, { ref }: Loaded, meta: Meta): Promise<Emptied | null | 'conflict'> {
  const emptied = await context.backing.empty(ref, meta)
  if (!emptied) return 'conflict'
  revoked(context, ref.cookie, 'emptied')
  return emptied === true ? null : emptied
}

export async function touch({ context }: Task, { loaded, expiresAt }: Extract<Plan, { verb: 'touch' }>) {
  const ref = await context.backing.touch(loaded.ref, loaded, expiresAt)
  // Where another request has changed the session, it has also moved the deadline, and there is nothing left to do.
  if (ref || (await isGone(context, loaded)))
    report(context, loaded.ref.cookie, (handle) => ({ type: ref ? 'touched' : 'gone', handle }))
  return ref && { ...loaded, ref }
}

/** Asks the store only if somebody listens to the event that it is for, and not to count it. */
async function isGone({ backing, emit }: SessionsContext, { ref }: Loaded): Promise<boolean> {
  if (!emit.wantsHandle()) return false
  return !isLoaded(await backing.load(ref.cookie, { fresh: true }))
}

/** The same session once more, with a new expiry. A request that only read is not refused because the session ended. */
export async function refresh(task: Task, { loaded }: Extract<Plan, { verb: 'refresh' }>): Promise<Saved> {
  try {
    return await save(task, { loaded, changes: { ...NO_CHANGES, text: loaded.data }, renews: false })
  } catch (error) {
    if (error instanceof SessionGoneError || error instanceof ConflictError) return null
    throw error
  }
}

const tooBusy = () =>
  new ConflictError(
    `The session was changed by other requests ${ATTEMPTS} times while this one tried to save it. Try the request again.`,
  )
