import { type ContentToSave, type Emptied, isLoaded, type Loaded, type SessionRef } from '../backing/backing.ts'
import { runExclusive } from '../base/mutex.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf } from '../crypto/token.ts'
import { ConflictError, SessionGoneError } from '../errors.ts'
import { shareable } from '../session/changes.ts'
import { isEmpty, type Values } from '../session/content.ts'
import { NO_CHANGES, type Plan } from './plan.ts'
import { applyAgain, expiryFor, gone, metaFor, report, requestedOf, revoked, type Task } from './task.ts'

/** How often a save that loses against other requests is tried again. */
const ATTEMPTS = 200

type Save = Omit<Extract<Plan, { verb: 'write' }>, 'verb'>

const refOf = (copy: Loaded | Emptied): SessionRef => (isLoaded(copy) ? copy.ref : copy.emptied)

/**
 * Saves what was changed, and renews the token where that was asked for. The first try is immediate. A request that loses it waits
 * for its turn among this process's other losers, so that in a burst of parallel requests each needs one more try, and there is
 * no stampede.
 */
export async function save(task: Task, save: Save): Promise<Loaded | null> {
  const { loaded, changes } = save
  const first = await saveOver(loaded, task, save, task.state.values, changes.text)
  if (first !== 'conflict') return first
  return runExclusive(task.context, `session ${refOf(loaded).cookie.id}`, () => saveOverNewer(task, save))
}

/** Loads again, applies this request's own changes to the newer copy, and tries again. */
async function saveOverNewer(task: Task, save: Save): Promise<Loaded | null> {
  const { context } = task
  const { loaded, changes } = save
  const { cookie } = refOf(loaded)
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    report(context, cookie.id, (handle) => ({ type: 'conflict', handle, attempt }))
    const newer = await context.backing.load(cookie, { fresh: true })
    // Left empty by another request of the same visitor: there was nothing to lose, and there is now.
    if (!newer || !(isLoaded(newer) || 'emptied' in newer)) throw gone(context, refOf(loaded))
    const result = await saveOver(newer, task, save, applyAgain(changes, isLoaded(newer) ? newer.values : {}))
    if (result !== 'conflict') return result
  }
  throw tooBusy()
}

/** One try: by compare-and-set over this copy. Null if nothing was left to store, so that the session was ended. */
async function saveOver(copy: Loaded | Emptied, task: Task, { renews }: Save, values: Values, text?: string | null) {
  const { context, state } = task
  const stored = isLoaded(copy) ? copy : null
  const before = refOf(copy)
  const meta = metaFor(task, stored?.meta ?? null)
  if (meta.userId === null && isEmpty(values)) {
    if (!stored) return null
    if (!(await context.backing.empty(before))) return 'conflict' as const
    revoked(context, before.cookie.id, 'emptied')
    return null
  }
  const data = text ?? JSON.stringify(values)
  const shared = values === state.values ? shareable(state) : undefined
  const isLogin = state.intent?.verb === 'login'
  const content: ContentToSave = { meta, data, values: shared, requested: requestedOf(state), isLogin }
  const expiresAt = expiryFor(task, meta, before)
  const ref = await (renews
    ? context.backing.renew(before, content, expiresAt, stored ?? content)
    : context.backing.update(before, content, expiresAt, stored ?? content))
  if (!ref) return 'conflict' as const
  const reason = isLogin ? 'login' : 'renew'
  report(context, ref.cookie.id, (handle) =>
    renews ? { type: 'renewed', handle, previous: handleOf(before.cookie.id), reason } : { type: 'updated', handle },
  )
  return { meta, data, values, shared: shared ?? stored?.shared ?? {}, ref }
}

export async function touch({ context }: Task, { loaded, expiresAt }: Extract<Plan, { verb: 'touch' }>) {
  const ref = await context.backing.touch(loaded.ref, loaded, expiresAt)
  // Where another request has changed the session, it has also moved the deadline, and there is nothing left to do.
  if (ref || (await isGone(context, loaded)))
    report(context, loaded.ref.cookie.id, (handle) => ({ type: ref ? 'touched' : 'gone', handle }))
  return ref && { ...loaded, ref }
}

/** Asks the store only if somebody listens to the event that it is for. */
async function isGone({ backing, emit }: SessionsContext, { ref }: Loaded): Promise<boolean> {
  if (!emit.wanted()) return false
  return !isLoaded(await backing.load(ref.cookie, { fresh: true }))
}

/** The same session once more, with a new expiry. A request that only read is not refused because the session ended. */
export async function refresh(task: Task, { loaded }: Extract<Plan, { verb: 'refresh' }>): Promise<Loaded | null> {
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
