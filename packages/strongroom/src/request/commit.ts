import type { ContentToSave, Loaded, SessionRef } from '../backing/backing.ts'
import { runExclusive } from '../base/mutex.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf, type Id } from '../crypto/token.ts'
import { ConflictError, SessionGoneError } from '../errors.ts'
import type { RevokeReason } from '../events.ts'
import { changesOf, type RequestChanges, shareable } from '../session/changes.ts'
import { checkValue, isEmpty, type Meta, type Values } from '../session/content.ts'
import { expiryAfter, type RequestedLifetime, touchDue } from '../session/lifetime.ts'
import { applyChanges, type Changes } from '../session/merge.ts'
import type { State } from '../session/state.ts'
import { nextMeta, nextStamp } from './next-meta.ts'
import { SessionLimit } from './session-limit.ts'

/** What has to be done for a request's session when its response begins. */
export type Plan =
  | { readonly verb: 'end'; readonly startAgain: boolean }
  | { readonly verb: 'create' }
  | { readonly verb: 'replace' | 'write'; readonly changes: RequestChanges }
  | { readonly verb: 'touch'; readonly expiresAt: number }
  /** `saveEveryRequest`, where nothing was changed. */
  | { readonly verb: 'refresh' }

const NO_CHANGES: RequestChanges = { cleared: false, edits: new Map(), text: null }

/** Null if there is nothing to do. No I/O; throws `DataError` for a value that cannot be stored. */
export function planOf(context: SessionsContext, state: State, loaded: Loaded | null, failed: boolean): Plan | null {
  const dropped = failed && !context.saveOnServerError
  const empty = isEmpty(state.values)
  // A logout takes effect even when the page about it failed.
  if (state.intent?.verb === 'logout') return { verb: 'end', startAgain: !dropped && !empty }
  if (dropped) return null
  const changes = changesOf(state)
  if (!loaded) return state.intent?.verb === 'login' || !empty ? { verb: 'create' } : null
  if (state.intent) return { verb: 'replace', changes: changes ?? NO_CHANGES }
  if (changes || state.lifetime) return { verb: 'write', changes: changes ?? NO_CHANGES }
  if (context.saveEveryRequest) return { verb: 'refresh' }
  const expiresAt = touchDue(context.clock(), loaded.ref.expiresAt, loaded.meta)
  return expiresAt === null ? null : { verb: 'touch', expiresAt }
}

/** What a commit works on. */
export interface Commit {
  readonly context: SessionsContext
  readonly state: State
  /** What the request loaded; null when there was no session. */
  readonly loaded: Loaded | null
  /** Names the device, for a login's label. */
  readonly device: () => string | null
}

/** Carries out a plan. Resolves to the session as it is stored now, or to null when it is stored no longer. */
export function commit(task: Commit, plan: Plan): Promise<Loaded | null> {
  const { context, state } = task
  state.stamp = null
  // Not an async function: most commits need no stamp, and would wait for one more turn of the promise queue.
  if (state.intent?.verb !== 'login' && state.credentialChange === null) return carryOut(task, plan)
  return nextStamp(context, state).then((stamp) => {
    state.stamp = stamp
    return carryOut(task, plan)
  })
}

function carryOut(task: Commit, plan: Plan): Promise<Loaded | null> {
  switch (plan.verb) {
    case 'end':
      return end(task, plan.startAgain)
    case 'create':
      return create(task)
    case 'replace':
      return replace(task as Existing, plan.changes)
    case 'write':
      return change(task as Existing, plan.changes)
    case 'touch':
      return touch(task as Existing, plan.expiresAt)
    case 'refresh':
      return refresh(task as Existing)
  }
}

/** The plan only says `replace`, `write`, `touch` or `refresh` where a session was loaded. */
interface Existing extends Commit {
  readonly loaded: Loaded
}

async function end(task: Commit, startAgain: boolean): Promise<Loaded | null> {
  const { context, state, loaded } = task
  if (loaded && (await context.backing.end(loaded.ref))) revoked(context, loaded.ref.cookie.id, 'logout')
  else if (loaded) await endSuccessor(context, loaded.meta)
  if (!startAgain) return null
  // Checked only after the logout: a value that cannot be stored must not keep anybody signed in.
  changesOf(state)
  return create({ ...task, device: () => null })
}

/** A renewal that was faster has moved the session to a new token. A logout means that one, too. */
async function endSuccessor(context: SessionsContext, { userId, createdAt, label }: Meta): Promise<void> {
  const { list, endOne } = context.backing.users
  if (userId === null || !list || !endOne) return
  for (const other of await list(userId))
    if (other.createdAt === createdAt && other.label === label && (await endOne(other.id)))
      revoked(context, other.id, 'logout')
}

/** A new session, for a visitor who had none. */
async function create(task: Commit): Promise<Loaded> {
  const { context, state, device } = task
  const meta = nextMeta(context, state, null, device)
  const created = await begin({ ...task, loaded: null }, meta, NO_CHANGES)
  if (context.emit.wanted())
    context.emit({ type: 'created', handle: handleOf(created.ref.cookie.id), authenticated: meta.userId !== null })
  return created
}

/** A login or a renewal: the session goes on under a new token. */
async function replace(task: Existing, changes: Changes): Promise<Loaded> {
  const { context, state, loaded: old, device } = task
  const fresh = await begin(task, nextMeta(context, state, old.meta, device), changes)
  if (context.emit.wanted())
    context.emit({
      type: 'renewed',
      handle: handleOf(fresh.ref.cookie.id),
      previous: handleOf(old.ref.cookie.id),
      reason: state.intent?.verb === 'login' ? 'login' : 'renew',
    })
  return fresh
}

function begin(task: Commit, meta: Meta, changes: Changes): Promise<Loaded> {
  const limit = SessionLimit.of(task.context, task.state)
  return limit ? limit.inTurn(() => beginWithin(limit, task, meta, changes)) : beginWithin(null, task, meta, changes)
}

/**
 * Stores a session under a new token, in place of the one that was loaded, if there was one. The new record is stored before
 * the old one is deleted, so that a failure in between loses nothing.
 */
async function beginWithin(limit: SessionLimit | null, task: Commit, meta: Meta, changes: Changes): Promise<Loaded> {
  const { context, state, loaded: old } = task
  const verb = state.intent?.verb
  const oldIds = old ? [old.ref.cookie.id] : []
  // A refusal that is certain already should cost nothing.
  if (limit) await limit.refuseIfFull(oldIds)
  const created = await put(task, meta, verb === 'renew' ? old?.ref : undefined)
  try {
    // Again, now that parallel logins can see this session.
    if (limit) await limit.refuseIfFull([...oldIds, created.ref.cookie.id])
    const session = old && verb !== 'new-identity' ? await retire({ ...task, loaded: old }, created, changes) : created
    if (limit) await limit.endOldest([...oldIds, session.ref.cookie.id])
    return session
  } catch (error) {
    // What was refused, or could not replace the old session, must not remain as a second one. The first error is reported.
    await context.backing.end(created.ref).catch(() => undefined)
    throw error
  }
}

/**
 * Ends the old session in favour of the new one: only the version that was copied, so that what a parallel request wrote in
 * between is taken along, and a session that was ended in between stays ended.
 */
async function retire(task: Existing, begun: Loaded, changes: Changes): Promise<Loaded> {
  const { context, state, loaded: old } = task
  const isLogin = state.intent?.verb === 'login'
  let [seen, fresh] = [old, begun]
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    // A login is no successor: a logout that comes too late ends the session that was, and not the user who signed in since.
    if (await context.backing.end(seen.ref, seen.ref.version, isLogin ? undefined : fresh.ref)) return fresh
    const newer = await context.backing.load(old.ref.cookie)
    if (!newer || !('ref' in newer)) {
      // The end of the old session does not stop a login, for which the user has just given proof.
      if (isLogin) return fresh
      throw gone(context, old)
    }
    seen = newer
    const values = applyAgain(changes, newer.values)
    const content = contentOf(isLogin ? begun.meta : nextMeta(context, state, newer.meta, () => null), values)
    const expiresAt = expiryFor(task, content.meta, isLogin ? fresh.ref : newer.ref)
    const ref = await context.backing.update(fresh.ref, { ...content, requested: requestedOf(state) }, expiresAt, fresh)
    if (!ref) throw gone(context, fresh)
    fresh = { ...content, values, shared: newer.shared, ref }
  }
  throw tooBusy()
}

const ATTEMPTS = 200

/**
 * Writes a session. The first try is immediate. A request that loses it waits for its turn among this process's other losers,
 * so that in a burst of parallel requests each needs one more try, and there is no stampede.
 */
async function change(task: Existing, changes: RequestChanges): Promise<Loaded | null> {
  const { context, state, loaded } = task
  const first = await write(task, loaded, state.values, changes.text)
  if (first !== 'conflict') return first
  return runExclusive(context, `session ${loaded.ref.cookie.id}`, () => overtake(task, changes))
}

/** Loads again, applies this request's own changes to the newer copy, and tries again. */
async function overtake(task: Existing, changes: Changes): Promise<Loaded | null> {
  const { context, loaded } = task
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (context.emit.wanted()) context.emit({ type: 'conflict', handle: handleOf(loaded.ref.cookie.id), attempt })
    const newer = await context.backing.load(loaded.ref.cookie)
    if (!newer || !('ref' in newer)) throw gone(context, loaded)
    const result = await write(task, newer, applyAgain(changes, newer.values))
    if (result !== 'conflict') return result
  }
  throw tooBusy()
}

const tooBusy = () =>
  new ConflictError(
    `The session was changed by other requests ${ATTEMPTS} times while this one tried to save it. Try the request again.`,
  )

async function write(task: Existing, over: Loaded, values: Values, text?: string | null) {
  const { context, state } = task
  const meta = nextMeta(context, state, over.meta, () => null)
  if (meta.userId === null && isEmpty(values)) {
    if (!(await context.backing.end(over.ref, over.ref.version))) return 'conflict' as const
    revoked(context, over.ref.cookie.id, 'emptied')
    return null
  }
  const data = text ?? JSON.stringify(values)
  const shared = values === state.values ? shareable(state) : undefined
  const content = { meta, data, values: shared, requested: requestedOf(state) }
  const ref = await context.backing.update(over.ref, content, expiryFor(task, meta, over.ref), over)
  if (!ref) return 'conflict' as const
  if (context.emit.wanted()) context.emit({ type: 'updated', handle: handleOf(ref.cookie.id) })
  return { meta, data, values, shared: shared ?? over.shared, ref }
}

async function touch({ context, loaded }: Existing, expiresAt: number): Promise<Loaded | null> {
  const ref = await context.backing.touch(loaded.ref, loaded, expiresAt)
  const { id } = loaded.ref.cookie
  if (context.emit.wanted()) context.emit({ type: ref ? 'touched' : 'gone', handle: handleOf(id) })
  return ref && { ...loaded, ref }
}

/** The same session once more, with a new expiry. A request that only read is not refused because the session ended. */
async function refresh(task: Existing): Promise<Loaded | null> {
  try {
    return await change(task, { ...NO_CHANGES, text: task.loaded.data })
  } catch (error) {
    if (error instanceof SessionGoneError || error instanceof ConflictError) return null
    throw error
  }
}

async function put(task: Commit, meta: Meta, renewing?: SessionRef): Promise<Loaded> {
  const { context, state } = task
  const { values, shared } = state
  const content = contentOf(meta, values)
  const toSave: ContentToSave = { ...content, requested: requestedOf(state) }
  const ref = await context.backing.create(toSave, expiryFor(task, meta, renewing), renewing)
  return { ...content, values, shared, ref }
}

/** Never earlier than what was promised, even when the clock jumps back, unless the application itself shortens it. */
function expiryFor({ context, state }: Commit, meta: Meta, before?: SessionRef): number {
  const next = expiryAfter(context.clock(), meta)
  return before && !state.lifetime ? Math.min(Math.max(next, before.expiresAt), meta.deadline) : next
}

function requestedOf({ intent, lifetime }: State): RequestedLifetime | undefined {
  const remember = intent?.verb === 'login' ? intent.options.remember : undefined
  return remember === undefined && lifetime === null ? undefined : { remember, change: lifetime }
}

const contentOf = (meta: Meta, values: Values) => ({ meta, data: JSON.stringify(values) })

/** An update that runs again may return what it did not return before, so its result is checked, too. */
function applyAgain(changes: Changes, newer: Values): Values {
  const values = applyChanges(changes, newer)
  for (const [key, edit] of changes.edits)
    if (edit.kind === 'update' && Object.hasOwn(values, key)) checkValue(key, values[key])
  return values
}

function gone(context: SessionsContext, { ref }: Loaded): SessionGoneError {
  if (context.emit.wanted()) context.emit({ type: 'gone', handle: handleOf(ref.cookie.id) })
  return new SessionGoneError()
}

function revoked(context: SessionsContext, id: Id, reason: RevokeReason): void {
  if (context.emit.wanted()) context.emit({ type: 'revoked', handle: handleOf(id), count: 1, reason })
}
