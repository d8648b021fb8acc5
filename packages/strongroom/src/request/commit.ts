import type { ContentToSave, Loaded, SessionRef } from '../backing/backing.ts'
import { runExclusive } from '../base/mutex.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf, type Id } from '../crypto/token.ts'
import { ConflictError, SessionGoneError } from '../errors.ts'
import type { RevokeReason, SessionEvent } from '../events.ts'
import { changesOf, type RequestChanges, shareable } from '../session/changes.ts'
import { checkValue, isEmpty, type Meta, type Values } from '../session/content.ts'
import { expiryAfter, type RequestedLifetime, touchDue } from '../session/lifetime.ts'
import { applyChanges, type Changes } from '../session/merge.ts'
import type { Intent, State } from '../session/state.ts'
import { nextMeta, nextStamp } from './next-meta.ts'
import { type SessionLimit, sessionLimit } from './session-limit.ts'

/** How often a save that loses against other requests is tried again. */
const ATTEMPTS = 200

/** What has to be done for a request's session when its response begins. */
export type Plan =
  | { readonly verb: 'end'; readonly loaded: Loaded | null; readonly startAgain: boolean }
  | { readonly verb: 'create' }
  | { readonly verb: 'replace'; readonly loaded: Loaded; readonly changes: Changes; readonly by: Replacement }
  | { readonly verb: 'write'; readonly loaded: Loaded; readonly changes: RequestChanges }
  | { readonly verb: 'touch'; readonly loaded: Loaded; readonly expiresAt: number }
  /** `saveEveryRequest`, where nothing was changed. */
  | { readonly verb: 'refresh'; readonly loaded: Loaded }

/** How a session under a new token replaces the old one. */
interface Replacement {
  /** The new session goes back to the same login, so ending the old one means the new one, too. */
  readonly isSuccessor: boolean
  readonly endsOld: boolean
  /** It goes on although the old session was ended in between. */
  readonly outlivesOld: boolean
}

const REPLACEMENTS: Readonly<Record<Exclude<Intent['verb'], 'logout'>, Replacement>> = {
  // The user has just given proof: a logout that comes too late ends the session that was, and not this one.
  login: { isSuccessor: false, endsOld: true, outlivesOld: true },
  renew: { isSuccessor: true, endsOld: true, outlivesOld: false },
  // The old session has been ended already, with the user's others.
  'new-identity': { isSuccessor: false, endsOld: false, outlivesOld: true },
}

const NO_CHANGES: RequestChanges = { cleared: false, edits: new Map(), text: null }

/** Null if there is nothing to do. No I/O; throws `DataError` for a value that cannot be stored. */
export function planOf(context: SessionsContext, state: State, loaded: Loaded | null, failed: boolean): Plan | null {
  const { intent } = state
  const dropped = failed && !context.saveOnServerError
  const empty = isEmpty(state.values)
  // A logout takes effect even when the page about it failed.
  if (intent?.verb === 'logout') return { verb: 'end', loaded, startAgain: !dropped && !empty }
  if (dropped) return null
  const changes = changesOf(state)
  if (!loaded) return intent?.verb === 'login' || !empty ? { verb: 'create' } : null
  if (intent) return { verb: 'replace', loaded, changes: changes ?? NO_CHANGES, by: REPLACEMENTS[intent.verb] }
  if (changes || state.lifetime) return { verb: 'write', loaded, changes: changes ?? NO_CHANGES }
  if (context.saveEveryRequest) return { verb: 'refresh', loaded }
  const expiresAt = touchDue(context.clock(), loaded.ref.expiresAt, loaded.meta)
  return expiresAt === null ? null : { verb: 'touch', loaded, expiresAt }
}

/** A request that commits its session. */
export interface Committer {
  readonly context: SessionsContext
  readonly state: State
  /** Names the device, for a login's label. */
  readonly device: () => string | null
}

interface Task extends Committer {
  /** The new credential stamp; null if there is none. */
  readonly stamp: string | null
}

/**
 * Carries out a plan. Resolves to the session as it is stored now; to null when it has ended or, for a touch or a refresh, when
 * nothing was saved.
 */
export function commit(committer: Committer, plan: Plan): Promise<Loaded | null> {
  const { context, state } = committer
  // Not an async function: most commits need no stamp, and would wait for one more turn of the promise queue.
  if (state.intent?.verb !== 'login' && state.credentialChange === null)
    return carryOut({ ...committer, stamp: null }, plan)
  return nextStamp(context, state).then((stamp) => carryOut({ ...committer, stamp }, plan))
}

function carryOut(task: Task, plan: Plan): Promise<Loaded | null> {
  switch (plan.verb) {
    case 'end':
      return end(task, plan)
    case 'create':
      return create(task)
    case 'replace':
      return replace(task, plan)
    case 'write':
      return save(task, plan)
    case 'touch':
      return touch(task, plan)
    case 'refresh':
      return refresh(task, plan)
  }
}

async function end(task: Task, { loaded, startAgain }: Extract<Plan, { verb: 'end' }>): Promise<Loaded | null> {
  const { context, state } = task
  if (loaded && (await context.backing.end(loaded.ref))) revoked(context, loaded.ref.cookie.id, 'logout')
  else if (loaded) await endSuccessor(context, loaded.meta)
  if (!startAgain) return null
  // Checked only after the logout: a value that cannot be stored must not keep anybody signed in.
  assertStorable(state)
  return create({ ...task, device: () => null })
}

/**
 * A renewal that was faster has moved the session to a new token, and a logout means that one, too. It is recognized by what a
 * renewal keeps: user, beginning and label.
 */
async function endSuccessor(context: SessionsContext, { userId, createdAt, label }: Meta): Promise<void> {
  const { list, endOne } = context.backing.users
  if (userId === null || !list || !endOne) return
  for await (const page of list(userId))
    for (const other of page)
      if (other.createdAt === createdAt && other.describe().label === label && (await endOne(other.id)))
        revoked(context, other.id, 'logout')
}

/** A new session, for a visitor who had none. */
async function create(task: Task): Promise<Loaded> {
  const meta = metaFor(task, null)
  const limit = sessionLimit(task.context, task.state)
  const created = await limit.inTurn(() => begin(task, meta, limit, null))
  const { id } = created.ref.cookie
  report(task.context, id, (handle) => ({ type: 'created', handle, authenticated: meta.userId !== null }))
  return created
}

/** A login or a renewal: the session goes on under a new token. */
async function replace(task: Task, plan: Extract<Plan, { verb: 'replace' }>): Promise<Loaded> {
  const { context, state } = task
  const meta = metaFor(task, plan.loaded.meta)
  const limit = sessionLimit(context, state)
  const fresh = await limit.inTurn(() => begin(task, meta, limit, plan))
  const previous = handleOf(plan.loaded.ref.cookie.id)
  const reason = state.intent?.verb === 'login' ? 'login' : 'renew'
  report(context, fresh.ref.cookie.id, (handle) => ({ type: 'renewed', handle, previous, reason }))
  return fresh
}

/**
 * Stores a session under a new token, in place of the one that was loaded, if there was one. The new record is stored before
 * the old one is deleted, so that a failure in between loses nothing.
 */
async function begin(
  task: Task,
  meta: Meta,
  limit: SessionLimit,
  replacing: Extract<Plan, { verb: 'replace' }> | null,
): Promise<Loaded> {
  const old = replacing ? [replacing.loaded.ref.cookie.id] : []
  // A refusal that is certain already should cost nothing.
  await limit.refuseIfFull(old)
  const created = await store(task, meta, replacing?.by.isSuccessor ? replacing.loaded.ref : undefined)
  try {
    // Again, now that parallel logins can see this session.
    await limit.refuseIfFull([...old, created.ref.cookie.id])
    const session = replacing?.by.endsOld ? await handOver(task, replacing, created) : created
    await limit.endOldest([...old, session.ref.cookie.id])
    return session
  } catch (error) {
    // What was refused, or could not replace the old session, must not remain as a second one. The first error is reported.
    await task.context.backing.end(created.ref).catch(() => undefined)
    throw error
  }
}

async function store(task: Task, meta: Meta, predecessor: SessionRef | undefined): Promise<Loaded> {
  const { context, state } = task
  const { values, shared } = state
  const content = contentOf(meta, values)
  const toSave: ContentToSave = { ...content, requested: requestedOf(state) }
  const ref = await context.backing.create(toSave, expiryFor(task, meta, predecessor), predecessor)
  return { ...content, values, shared, ref }
}

/**
 * Ends the old session in favour of the new one: only the version that was copied. What a parallel request wrote in between is
 * copied, too, and a session that was ended in between stays ended.
 */
async function handOver(task: Task, plan: Extract<Plan, { verb: 'replace' }>, created: Loaded): Promise<Loaded> {
  const { context, state } = task
  const { loaded: old, changes, by } = plan
  let [seen, fresh] = [old, created]
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (await context.backing.end(seen.ref, seen.ref.version, by.isSuccessor ? fresh.ref : undefined)) return fresh
    const newer = await context.backing.load(old.ref.cookie, { fresh: true })
    if (!newer || !('ref' in newer)) {
      if (by.outlivesOld) return fresh
      throw gone(context, old)
    }
    seen = newer
    const values = applyAgain(changes, newer.values)
    const content = contentOf(by.isSuccessor ? metaFor(task, newer.meta) : created.meta, values)
    const expiresAt = expiryFor(task, content.meta, by.isSuccessor ? newer.ref : fresh.ref)
    const ref = await context.backing.update(fresh.ref, { ...content, requested: requestedOf(state) }, expiresAt, fresh)
    if (!ref) throw gone(context, fresh)
    fresh = { ...content, values, shared: newer.shared, ref }
  }
  throw tooBusy()
}

/**
 * Saves what was changed. The first try is immediate. A request that loses it waits for its turn among this process's other
 * losers, so that in a burst of parallel requests each needs one more try, and there is no stampede.
 */
async function save(task: Task, { loaded, changes }: Omit<Extract<Plan, { verb: 'write' }>, 'verb'>) {
  const first = await saveOver(loaded, task, task.state.values, changes.text)
  if (first !== 'conflict') return first
  return runExclusive(task.context, `session ${loaded.ref.cookie.id}`, () => saveOverNewer(task, loaded, changes))
}

/** Loads again, applies this request's own changes to the newer copy, and tries again. */
async function saveOverNewer(task: Task, loaded: Loaded, changes: Changes): Promise<Loaded | null> {
  const { context } = task
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    report(context, loaded.ref.cookie.id, (handle) => ({ type: 'conflict', handle, attempt }))
    const newer = await context.backing.load(loaded.ref.cookie, { fresh: true })
    if (!newer || !('ref' in newer)) throw gone(context, loaded)
    const result = await saveOver(newer, task, applyAgain(changes, newer.values))
    if (result !== 'conflict') return result
  }
  throw tooBusy()
}

/** One try: by compare-and-set over this copy. Null if nothing was left to store, so that the session was ended. */
async function saveOver(copy: Loaded, task: Task, values: Values, text?: string | null) {
  const { context, state } = task
  const meta = metaFor(task, copy.meta)
  if (meta.userId === null && isEmpty(values)) {
    if (!(await context.backing.end(copy.ref, copy.ref.version))) return 'conflict' as const
    revoked(context, copy.ref.cookie.id, 'emptied')
    return null
  }
  const data = text ?? JSON.stringify(values)
  const shared = values === state.values ? shareable(state) : undefined
  const content = { meta, data, values: shared, requested: requestedOf(state) }
  const ref = await context.backing.update(copy.ref, content, expiryFor(task, meta, copy.ref), copy)
  if (!ref) return 'conflict' as const
  report(context, ref.cookie.id, (handle) => ({ type: 'updated', handle }))
  return { meta, data, values, shared: shared ?? copy.shared, ref }
}

async function touch({ context }: Task, { loaded, expiresAt }: Extract<Plan, { verb: 'touch' }>) {
  const ref = await context.backing.touch(loaded.ref, loaded, expiresAt)
  // Where another request has changed the session, it has also moved the deadline, and there is nothing left to do.
  if (ref || (await isGone(context, loaded)))
    report(context, loaded.ref.cookie.id, (handle) => ({ type: ref ? 'touched' : 'gone', handle }))
  return ref && { ...loaded, ref }
}

/** Asks the store only if somebody listens to the event that it is for. */
async function isGone({ backing, emit }: SessionsContext, { ref }: Loaded): Promise<boolean> {
  if (!emit.wanted()) return false
  const now = await backing.load(ref.cookie, { fresh: true })
  return !now || !('ref' in now)
}

/** The same session once more, with a new expiry. A request that only read is not refused because the session ended. */
async function refresh(task: Task, { loaded }: Extract<Plan, { verb: 'refresh' }>): Promise<Loaded | null> {
  try {
    return await save(task, { loaded, changes: { ...NO_CHANGES, text: loaded.data } })
  } catch (error) {
    if (error instanceof SessionGoneError || error instanceof ConflictError) return null
    throw error
  }
}

const metaFor = (task: Task, before: Meta | null) => nextMeta(task.context, task.state, before, task)

/** Never earlier than what was promised, even when the clock jumps back, unless the application itself shortens it. */
function expiryFor({ context, state }: Task, meta: Meta, before?: SessionRef): number {
  const next = expiryAfter(context.clock(), meta)
  return before && !state.lifetime ? Math.min(Math.max(next, before.expiresAt), meta.deadline) : next
}

function requestedOf({ intent, lifetime }: State): RequestedLifetime | undefined {
  const remember = intent?.verb === 'login' ? intent.options.remember : undefined
  return remember === undefined && lifetime === null ? undefined : { remember, change: lifetime }
}

const contentOf = (meta: Meta, values: Values) => ({ meta, data: JSON.stringify(values) })

/** Throws `DataError` for a value that cannot be stored. */
const assertStorable = (state: State): void => void changesOf(state)

/** An update that runs again may return what it did not return before, so its result is checked, too. */
function applyAgain(changes: Changes, newer: Values): Values {
  const values = applyChanges(changes, newer)
  for (const [key, edit] of changes.edits)
    if (edit.kind === 'update' && Object.hasOwn(values, key)) checkValue(key, values[key])
  return values
}

const tooBusy = () =>
  new ConflictError(
    `The session was changed by other requests ${ATTEMPTS} times while this one tried to save it. Try the request again.`,
  )

function gone(context: SessionsContext, { ref }: Loaded): SessionGoneError {
  report(context, ref.cookie.id, (handle) => ({ type: 'gone', handle }))
  return new SessionGoneError()
}

function revoked(context: SessionsContext, id: Id, reason: RevokeReason): void {
  report(context, id, (handle) => ({ type: 'revoked', handle, count: 1, reason }))
}

/** A handle costs a hash, so it is only made if somebody listens. */
function report({ emit }: SessionsContext, id: Id, event: (handle: string) => SessionEvent): void {
  if (emit.wanted()) emit(event(handleOf(id)))
}
