import type { ContentToSave, Loaded, SessionRef } from '../backing/backing.ts'
import { runExclusive } from '../base/mutex.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf, type Id } from '../crypto/token.ts'
import { ConflictError, SessionGoneError } from '../errors.ts'
import type { RevokeReason, SessionEvent } from '../events.ts'
import { changesOf, type RequestChanges, shareable } from '../session/changes.ts'
import { checkValue, isEmpty, type Meta, type Values } from '../session/content.ts'
import { expiryAfter, type RequestedLifetime, touchDue } from '../session/lifetime.ts'
import type { LoginMoment } from '../session/login.ts'
import { applyChanges, type Changes } from '../session/merge.ts'
import type { LoginIntent, State } from '../session/state.ts'
import type { LoadedCookies } from './load.ts'
import { nextMeta, nextStamp } from './next-meta.ts'
import { sessionLimit } from './session-limit.ts'
import { orUndo } from './undo.ts'

/** How often a save that loses against other requests is tried again. */
const ATTEMPTS = 200
/** How often a login takes over what was written into the old session meanwhile. */
const HANDOVERS = 10

/** What has to be done for a request's session when its response begins. */
export type Plan =
  | { readonly verb: 'end'; readonly refs: readonly SessionRef[]; readonly startAgain: boolean }
  /** `ends`: what the cookies presented, and the login that is proved now takes the place of. */
  | { readonly verb: 'create'; readonly ends: readonly SessionRef[] }
  | {
      readonly verb: 'login'
      readonly loaded: Loaded
      readonly changes: Changes
      /** Other sessions of the user that the request has cookies of. */
      readonly ends: readonly SessionRef[]
    }
  | { readonly verb: 'write'; readonly loaded: Loaded; readonly changes: RequestChanges; readonly renews: boolean }
  | { readonly verb: 'touch'; readonly loaded: Loaded; readonly expiresAt: number }
  /** `saveEveryRequest`, where nothing was changed. */
  | { readonly verb: 'refresh'; readonly loaded: Loaded }

const NO_CHANGES: RequestChanges = { cleared: false, edits: new Map(), text: null }

/** Null if there is nothing to do. No I/O; throws `DataError` for a value that cannot be stored. */
export function planOf(
  context: SessionsContext,
  state: State,
  { loaded, superseded, others }: LoadedCookies,
  failed: boolean,
): Plan | null {
  const { intent } = state
  const dropped = failed && !context.saveOnServerError
  const empty = isEmpty(state.values)
  // A logout takes effect even when the page about it failed, and with a cookie that was superseded.
  if (intent?.verb === 'logout' || state.loggedOut) {
    const own = loaded?.ref ?? superseded?.ends?.ref
    const refs = others.map(({ ref }) => ref)
    const startAgain = !dropped && (intent?.verb === 'login' || !empty)
    return { verb: 'end', refs: own ? [own, ...refs] : refs, startAgain }
  }
  if (dropped) return null
  const changes = changesOf(state)
  // Whatever a parallel request writes into a session that this one has cleared must not survive that.
  const toApply = changes ?? { ...NO_CHANGES, cleared: state.cleared }
  const ends = intent?.verb === 'login' ? others.filter(({ isOf }) => isOf(intent.userId)).map(({ ref }) => ref) : []
  if (!loaded) {
    const own = superseded?.ends
    if (intent?.verb === 'login') return { verb: 'create', ends: own?.isOf(intent.userId) ? [own.ref, ...ends] : ends }
    // The response with the newer cookie may still be on its way, and ours would overwrite it.
    return empty || superseded?.isRecent ? null : { verb: 'create', ends }
  }
  if (intent?.verb === 'login') return { verb: 'login', loaded, changes: toApply, ends }
  if (intent || changes || state.lifetime) return { verb: 'write', loaded, changes: toApply, renews: intent !== null }
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
      return create(task, plan.ends)
    case 'login':
      return login(task, plan)
    case 'write':
      return save(task, plan)
    case 'touch':
      return touch(task, plan)
    case 'refresh':
      return refresh(task, plan)
  }
}

async function end(task: Task, { refs, startAgain }: Extract<Plan, { verb: 'end' }>): Promise<Loaded | null> {
  const { context, state } = task
  for (const ref of refs) if (await context.backing.end(ref)) revoked(context, ref.cookie.id, 'logout')
  if (!startAgain) return null
  // Checked only after the logout: a value that cannot be stored must not keep anybody signed in.
  assertStorable(state)
  return create(state.intent?.verb === 'login' ? task : { ...task, device: () => null }, [])
}

/** A new session, for a visitor who had none, or whose cookie was superseded. */
async function create(task: Task, ends: readonly SessionRef[]): Promise<Loaded> {
  const { context } = task
  const [previous] = ends
  const created = await begin(task, previous ?? null)
  await orUndo(context, created, () => replaceAll(context, ends))
  const authenticated = created.meta.userId !== null
  report(context, created.ref.cookie.id, (handle) =>
    previous
      ? { type: 'renewed', handle, previous: handleOf(previous.cookie.id), reason: 'login' }
      : { type: 'created', handle, authenticated },
  )
  return created
}

/** By right of the proof, not of the cookies: perhaps somebody else has renewed them. */
async function replaceAll({ backing }: SessionsContext, refs: readonly SessionRef[]): Promise<void> {
  for (const ref of refs) await backing.replaceAny(ref)
}

/**
 * A login of a visitor who has a session. Of the same user it is a renewal with new times, as long as the session is there, and
 * not under a retired secret. Any other gives the visitor a session with another identity, so that nothing of a planted cookie is
 * left.
 */
async function login(task: Task, plan: Extract<Plan, { verb: 'login' }>): Promise<Loaded> {
  const { context, state } = task
  const { loaded, changes, ends } = plan
  const { intent } = state
  if (intent?.verb === 'login' && loaded.meta.userId === intent.userId && !context.backing.isRetired?.(loaded.ref)) {
    // Before anything is counted or written: what is ended after that moment ends this login, too.
    const began = await momentOf(context, intent)
    if (intent.options.asOf) await assertNotEnded(context, began, loaded.ref)
    const limit = sessionLimit(context, state, loaded.ref.cookie.id)
    const renewed = await limit.around(() => loginAgain(task, loaded, changes))
    if (renewed)
      return orUndo(context, renewed, async () => {
        await assertNotEnded(context, began, renewed.ref)
        await replaceAll(context, ends)
        return renewed
      })
  }
  const created = await begin(task, loaded.ref)
  const fresh = await orUndo(context, created, async () => {
    await replaceAll(context, ends)
    return handOver(task, plan, created)
  })
  const previous = handleOf(loaded.ref.cookie.id)
  report(context, fresh.ref.cookie.id, (handle) => ({ type: 'renewed', handle, previous, reason: 'login' }))
  return fresh
}

/** Null when the session has ended or was renewed by somebody else: whoever has just proved who they are is not refused. */
async function loginAgain(task: Task, loaded: Loaded, changes: Changes): Promise<Loaded | null> {
  try {
    return await save(task, { loaded, changes: { ...NO_CHANGES, ...changes }, renews: true })
  } catch (error) {
    if (error instanceof SessionGoneError) return null
    throw error
  }
}

/**
 * Stores a session with a new identity. It is stored before the one that it takes the place of is ended, so that a failure in
 * between loses nothing.
 */
async function begin(task: Task, replaced: SessionRef | null): Promise<Loaded> {
  const { context, state } = task
  const meta = metaFor(task, null)
  const began = state.intent?.verb === 'login' ? await momentOf(context, state.intent) : null
  const limit = sessionLimit(context, state, replaced?.cookie.id)
  return limit.inTurn(async () => {
    const session = await store(task, meta, began)
    return orUndo(context, session, async () => {
      await assertNotEnded(context, began, session.ref)
      return session
    })
  })
}

/** Longer than anybody takes to sign in. A store may have forgotten what happened since a moment that is a day old. */
const LONGEST_LOGIN = 3_600_000

async function momentOf({ clock }: SessionsContext, { began }: LoginIntent): Promise<LoginMoment | null> {
  const moment = await began
  if (moment && clock() - moment.at > LONGEST_LOGIN)
    throw new SessionGoneError('This login began more than an hour ago. Ask the user to sign in again.')
  return moment
}

/** Rejects with `SessionGoneError` if all sessions of the user were ended since that moment. */
async function assertNotEnded({ backing }: SessionsContext, began: LoginMoment | null, ref: SessionRef): Promise<void> {
  if (!began || !(await backing.users.endedSince?.(began, ref))) return
  throw new SessionGoneError(
    'All sessions of this user were ended while this login was under way, and it ended with them. Ask the user to sign in again.',
  )
}

async function store(task: Task, meta: Meta, began: LoginMoment | null): Promise<Loaded> {
  const { context, state } = task
  const { values, shared } = state
  const content = contentOf(meta, values)
  const toSave: ContentToSave = { ...content, requested: requestedOf(state) }
  const ref = await context.backing.create(toSave, expiryFor(task, meta), began)
  return { ...content, values, shared, ref }
}

/**
 * Ends the old session in favour of the new one. Of the same user it is ended whatever its version: by right of the proof, not
 * of the cookie. Any other is replaced, and only the version that was copied: what a parallel request wrote in between is copied,
 * too.
 */
async function handOver(task: Task, plan: Extract<Plan, { verb: 'login' }>, created: Loaded): Promise<Loaded> {
  const { context, state } = task
  const { loaded: old, changes } = plan
  let [seen, fresh] = [old, created]
  // A few times, for the visitor's own parallel requests: somebody who writes without pause must not keep anybody from signing in.
  const attempts = old.meta.userId === created.meta.userId ? 0 : HANDOVERS
  for (let attempt = 1; attempt <= attempts; attempt++) {
    if (await context.backing.replace(seen.ref)) return fresh
    const newer = await context.backing.load(old.ref.cookie, { fresh: true })
    if (newer && 'superseded' in newer) await context.backing.replaceAny(old.ref)
    // It has ended: the login, which has just been proved, goes on.
    if (!newer || !('ref' in newer)) return fresh
    seen = newer
    const values = applyAgain(changes, newer.values)
    const content = { ...contentOf(created.meta, values), requested: requestedOf(state) }
    const ref = await context.backing.update(fresh.ref, content, expiryFor(task, created.meta, fresh.ref), fresh)
    if (!ref) throw gone(context, fresh)
    fresh = { ...content, values, shared: newer.shared, ref }
  }
  await context.backing.replaceAny(old.ref)
  return fresh
}

type Save = Omit<Extract<Plan, { verb: 'write' }>, 'verb'>

/**
 * Saves what was changed, and renews the token where that was asked for. The first try is immediate. A request that loses it waits
 * for its turn among this process's other losers, so that in a burst of parallel requests each needs one more try, and there is
 * no stampede.
 */
async function save(task: Task, save: Save) {
  const { loaded, changes } = save
  const first = await saveOver(loaded, task, save, task.state.values, changes.text)
  if (first !== 'conflict') return first
  return runExclusive(task.context, `session ${loaded.ref.cookie.id}`, () => saveOverNewer(task, save))
}

/** Loads again, applies this request's own changes to the newer copy, and tries again. */
async function saveOverNewer(task: Task, save: Save): Promise<Loaded | null> {
  const { context } = task
  const { loaded, changes } = save
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    report(context, loaded.ref.cookie.id, (handle) => ({ type: 'conflict', handle, attempt }))
    const newer = await context.backing.load(loaded.ref.cookie, { fresh: true })
    if (!newer || !('ref' in newer)) throw gone(context, loaded)
    const result = await saveOver(newer, task, save, applyAgain(changes, newer.values))
    if (result !== 'conflict') return result
  }
  throw tooBusy()
}

/** One try: by compare-and-set over this copy. Null if nothing was left to store, so that the session was ended. */
async function saveOver(copy: Loaded, task: Task, { renews }: Save, values: Values, text?: string | null) {
  const { context, state } = task
  const meta = metaFor(task, copy.meta)
  if (meta.userId === null && isEmpty(values)) {
    if (!(await context.backing.end(copy.ref, copy.ref.version))) return 'conflict' as const
    revoked(context, copy.ref.cookie.id, 'emptied')
    return null
  }
  const data = text ?? JSON.stringify(values)
  const shared = values === state.values ? shareable(state) : undefined
  const isLogin = state.intent?.verb === 'login'
  const content: ContentToSave = { meta, data, values: shared, requested: requestedOf(state), isLogin }
  const expiresAt = expiryFor(task, meta, copy.ref)
  const ref = await (renews
    ? context.backing.renew(copy.ref, content, expiresAt, copy)
    : context.backing.update(copy.ref, content, expiresAt, copy))
  if (!ref) return 'conflict' as const
  const reason = isLogin ? 'login' : 'renew'
  report(context, ref.cookie.id, (handle) =>
    renews ? { type: 'renewed', handle, previous: handleOf(copy.ref.cookie.id), reason } : { type: 'updated', handle },
  )
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
    return await save(task, { loaded, changes: { ...NO_CHANGES, text: loaded.data }, renews: false })
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
