import {
  type ContentToSave,
  type Emptied,
  isLoaded,
  type Loaded,
  presentedCookie,
  type SessionRef,
} from '../backing/backing.ts'
import { type Awaitable, after } from '../base/awaitable.ts'
import { runExclusive } from '../base/mutex.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf } from '../crypto/token.ts'
import { ConflictError, SessionGoneError } from '../errors.ts'
import type { RenewalFacts } from '../events.ts'
import { shareable } from '../session/changes.ts'
import { isEmpty, type Meta, type Values } from '../session/content.ts'
import { LOWEST } from '../session/proof.ts'
import { State } from '../session/state.ts'
import { fitted } from './fit.ts'
import { NO_CHANGES, type Plan } from './plan.ts'
import { applyAgain, expiryFor, gone, metaFor, report, requestedOf, revoked, type Task } from './task.ts'

/** How often a save that loses against other requests is tried again. */
const ATTEMPTS = 200

type Save = Pick<Extract<Plan, { verb: 'write' }>, 'loaded' | 'changes' | 'renews' | 'mayRenew'>
/** What is stored now; null if there is nothing any more, because nothing was left. */
export type Saved = Loaded | Emptied | null

/**
 * Saves what was changed, and renews the token where that was asked for. Fails with `SessionGoneError` if the session has ended. A
 * promise only if there is something to wait for; without one, it throws what it would reject with.
 */
export function save(task: Task, given: Save): Awaitable<Saved> {
  return after(trySave(task, given), (saved) => {
    if (saved === 'gone') throw gone(task, given.loaded.ref)
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
      ? runExclusive(task.context.backing, `session ${loaded.ref.cookie.id}`, () => saveOverNewer(task, given))
      : first,
  )
}

/** Loads again, applies this request's own changes to the newer copy, and tries again. */
async function saveOverNewer(task: Task, given: Save): Promise<Saved | 'gone'> {
  const { context } = task
  const { ref } = given.loaded
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    report(task, ref.cookie, (handle) => ({ type: 'conflict', handle, attempt }))
    const newer = await loadNewer(context, ref)
    if (!newer || context.binding?.isUnproven(newer, task.headers)) return 'gone'
    const result = await saveOver(newer, task, given, applyAgain(task, given.changes, newer.values))
    if (result !== 'conflict') return result
  }
  throw tooBusy()
}

/** Also what another request of the same visitor has left empty: there was nothing to lose, and there is now. */
export async function loadNewer(context: SessionsContext, ref: SessionRef): Promise<Loaded | null> {
  const result = await context.backing.load(presentedCookie(ref), { fresh: true, wasLoaded: true })
  if (isLoaded(result)) return fitted(context, result)
  return result && 'emptied' in result ? result.emptied : null
}

/** One try: by compare-and-set over this copy. */
function saveOver(
  copy: Loaded,
  task: Task,
  { renews, mayRenew }: Save,
  values: Values,
  text?: string | null,
): Awaitable<Saved | 'conflict'> {
  const { context, state } = task
  const meta = metaFor(task, copy.meta)
  if (meta.userId === null && isEmpty(values)) return leaveEmpty(task, copy, meta)
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
  const { backing } = context
  const written: Awaitable<SessionRef | null> = renews
    ? backing.renew(copy.ref, content, expiresAt, copy)
    : ((mayRenew && backing.renewal) || backing).update(copy.ref, content, expiresAt, copy)
  return after(written, (ref) => {
    if (!ref) return 'conflict'
    // A login that is stored may still be refused, and its event comes after that.
    if (!isLogin)
      report(task, ref.cookie, (handle) =>
        renews || (mayRenew && ref.cookie.text !== copy.ref.cookie.text)
          ? { type: 'renewed', handle, previous: handleOf(copy.ref.cookie.id), ...renewalOf(state, renews) }
          : { type: 'updated', handle },
      )
    return { meta, data, values, shared: shared ?? copy.shared, ref }
  })
}

/** Why a session has a new token without a login. */
function renewalOf({ proofs }: State, isDemanded: boolean): RenewalFacts {
  if (!isDemanded) return { reason: 'time' }
  const last = proofs.at(-1)
  return last ? { reason: 'step-up', method: last.method ?? null, level: last.level ?? LOWEST } : { reason: 'renew' }
}

/** Instead of a session without a user and without values. */
async function leaveEmpty(task: Task, { ref }: Loaded, meta: Meta): Promise<Emptied | null | 'conflict'> {
  const emptied = await task.context.backing.empty(ref, meta)
  if (!emptied) return 'conflict'
  revoked(task, ref, 'emptied')
  return emptied === true ? null : emptied
}

export async function touch(task: Task, { loaded, expiresAt }: Extract<Plan, { verb: 'touch' }>) {
  const { context } = task
  const ref = await context.backing.touch(loaded.ref, asStored(loaded), expiresAt)
  // Where another request has changed the session, it has also moved the deadline, and there is nothing left to do.
  if (ref || (await isGone(context, loaded)))
    report(task, loaded.ref.cookie, (handle) => ({ type: ref ? 'touched' : 'gone', handle }))
  return ref && { ...loaded, ref }
}

/** Asks the store only if somebody listens to the event that it is for, and not to count it. */
async function isGone({ backing, emit }: SessionsContext, { ref }: Loaded): Promise<boolean> {
  if (!emit.wantsHandle()) return false
  return !isLoaded(await backing.load(presentedCookie(ref), { fresh: true, wasLoaded: true }))
}

/** A task that stores `copy` as it is, and what others have written meanwhile, too. */
const withoutRules = (task: Task, copy: Loaded): Task => ({
  ...task,
  context: { ...task.context, dataRules: null },
  state: new State(task.state, copy),
})

const asStored = (loaded: Loaded): Loaded => ({ ...loaded, ...loaded.stored })

/**
 * The same session once more, with a new expiry, and as it was stored, whatever `dataSchema` shows of it. A request that only read is
 * not refused because the session ended.
 */
export async function refresh(task: Task, plan: Extract<Plan, { verb: 'refresh' }>): Promise<Saved> {
  const { context } = task
  const loaded = asStored(plan.loaded)
  const reader = context.dataRules === null ? task : withoutRules(task, loaded)
  const { mayRenew, once } = plan
  const toSave = { loaded, changes: { ...NO_CHANGES, text: loaded.data }, renews: false, mayRenew }
  try {
    const saved = await (once
      ? saveOver(loaded, reader, toSave, reader.state.values, loaded.data)
      : save(reader, toSave))
    if (saved === 'conflict') return null
    return isLoaded(saved) ? fitted(context, saved) : saved
  } catch (error) {
    if (error instanceof SessionGoneError || error instanceof ConflictError) return null
    throw error
  }
}

const tooBusy = () =>
  new ConflictError(`Other requests changed the session in all ${ATTEMPTS} attempts to save it. Try the request again.`)
