import type { Loaded, SessionRef } from '../backing/backing.ts'
import { runExclusive } from '../base/mutex.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf, type Id } from '../crypto/token.ts'
import { ConflictError, SessionGoneError } from '../errors.ts'
import type { RevokeReason } from '../events.ts'
import { checkValue, isEmpty, type Meta, type Values } from '../session/content.ts'
import type { RequestedLifetime } from '../session/expiry.ts'
import { expiryAfter, touchDue } from '../session/lifetime.ts'
import { applyChanges, type Changes } from '../session/merge.ts'
import { type Changed, changesOf, type State, shareable } from '../session/state.ts'
import { nextMeta, stampFor } from './next-meta.ts'
import { withinLimit } from './session-limit.ts'

/** What is to be done for a request's session when its response begins. */
export type Plan =
  | { readonly verb: 'end'; readonly anew: boolean }
  | { readonly verb: 'create' }
  | { readonly verb: 'rotate' | 'write'; readonly changes: Changed }
  | { readonly verb: 'touch'; readonly expiresAt: number }
  /** `saveEveryRequest`, where nothing was changed. */
  | { readonly verb: 'refresh' }

const NO_CHANGES: Changed = { cleared: false, edits: new Map(), text: null }

/** Null where there is nothing to do. No I/O; throws `DataError` for a value that cannot be kept. */
export function planOf(core: SessionsContext, state: State, loaded: Loaded | null, failed: boolean): Plan | null {
  const dropped = failed && !core.saveOnServerError
  const empty = isEmpty(state.values)
  // An end that was asked for is kept even when the page about it failed.
  if (state.intent?.verb === 'logout') return { verb: 'end', anew: !dropped && !empty }
  if (dropped) return null
  const changes = changesOf(state)
  if (!loaded) {
    return state.intent?.verb === 'login' || !empty ? { verb: 'create' } : null
  }
  if (state.intent) return { verb: 'rotate', changes: changes ?? NO_CHANGES }
  if (changes || state.lifetime) return { verb: 'write', changes: changes ?? NO_CHANGES }
  if (core.saveEveryRequest) return { verb: 'refresh' }
  const expiresAt = touchDue(core.clock(), loaded.ref.expiresAt, loaded.meta)
  return expiresAt === null ? null : { verb: 'touch', expiresAt }
}

/** Carries a plan out; the session as it rests now, or null when it rests no longer. `device` labels a login. */
export function commit(
  core: SessionsContext,
  plan: Plan,
  state: State,
  loaded: Loaded | null,
  device: () => string | null,
) {
  state.stamp = null
  if (state.intent?.verb !== 'login' && !state.credentialChange) return done(core, plan, state, loaded, device)
  return stampFor(core, state).then((stamp) => {
    state.stamp = stamp
    return done(core, plan, state, loaded, device)
  })
}

function done(core: SessionsContext, plan: Plan, state: State, loaded: Loaded | null, device: () => string | null) {
  switch (plan.verb) {
    case 'end':
      return end(core, state, loaded, plan.anew)
    case 'create':
      return create(core, state, device)
    case 'rotate':
      return rotate(core, state, loaded as Loaded, plan.changes, device)
    case 'write':
      return change(core, state, loaded as Loaded, plan.changes)
    case 'touch':
      return touch(core, loaded as Loaded, plan.expiresAt)
    case 'refresh':
      return refresh(core, state, loaded as Loaded)
  }
}

async function end(core: SessionsContext, state: State, loaded: Loaded | null, anew: boolean): Promise<Loaded | null> {
  if (loaded && (await core.backing.end(loaded.ref))) revoked(core, loaded.ref.cookie.id, 'logout')
  else if (loaded) await endSuccessor(core, loaded.meta)
  if (!anew) return null
  // Only now, for a value that cannot be kept must not keep anybody signed in.
  changesOf(state)
  return create(core, state, () => null)
}

/** A renewal that was quicker has taken the session along under a new token. Whoever logs out means that one too. */
async function endSuccessor(core: SessionsContext, { userId, createdAt, label }: Meta): Promise<void> {
  const { list, endOne } = core.backing.users
  if (userId === null || !list || !endOne) return
  for (const other of await list(userId))
    if (other.createdAt === createdAt && other.label === label && (await endOne(other.id)))
      revoked(core, other.id, 'logout')
}

async function touch(core: SessionsContext, loaded: Loaded, expiresAt: number): Promise<Loaded | null> {
  const ref = await core.backing.touch(loaded.ref, loaded, expiresAt)
  const { id } = loaded.ref.cookie
  if (core.emit.wanted()) core.emit({ type: ref ? 'touched' : 'gone', handle: handleOf(id) })
  return ref && { ...loaded, ref }
}

/** The same once more, with a new deadline. Who only read is not refused because the session has ended meanwhile. */
async function refresh(core: SessionsContext, state: State, loaded: Loaded): Promise<Loaded | null> {
  try {
    return await change(core, state, loaded, { ...NO_CHANGES, text: loaded.data })
  } catch (error) {
    if (error instanceof SessionGoneError || error instanceof ConflictError) return null
    throw error
  }
}

async function create(core: SessionsContext, state: State, device: () => string | null): Promise<Loaded> {
  const meta = nextMeta(core, state, null, device)
  const fresh = await withinLimit(core, state, { old: null, begin: () => put(core, state, meta) })
  if (core.emit.wanted())
    core.emit({ type: 'created', handle: handleOf(fresh.ref.cookie.id), authenticated: meta.userId !== null })
  return fresh
}

/**
 * A new token for a session. The new record is there before the old one goes, and only the version that was copied may go:
 * when a parallel request wrote meanwhile, its change is taken along; when the session was ended meanwhile, it stays ended.
 */
async function rotate(
  core: SessionsContext,
  state: State,
  old: Loaded,
  changes: Changes,
  device: () => string | null,
): Promise<Loaded> {
  const meta = nextMeta(core, state, old.meta, device)
  const verb = state.intent?.verb
  const fresh = await withinLimit(core, state, {
    old: old.ref.cookie.id,
    begin: () => put(core, state, meta, verb === 'renew' ? old.ref : undefined),
    take: async (fresh) => (verb === 'reroot' ? fresh : retire(core, state, old, fresh, changes)),
  })
  if (core.emit.wanted())
    core.emit({
      type: 'renewed',
      handle: handleOf(fresh.ref.cookie.id),
      previous: handleOf(old.ref.cookie.id),
      reason: verb === 'login' ? 'login' : 'renew',
    })
  return fresh
}

async function retire(
  core: SessionsContext,
  state: State,
  old: Loaded,
  begun: Loaded,
  changes: Changes,
): Promise<Loaded> {
  const login = state.intent?.verb === 'login'
  let [seen, fresh] = [old, begun]
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    // A login is no successor: a logout that comes too late means the session that was, and not who has just signed in.
    if (await core.backing.end(seen.ref, seen.ref.version, login ? undefined : fresh.ref)) return fresh
    const newer = await core.backing.load(old.ref.cookie)
    if (!newer || !('ref' in newer)) {
      // That the old session ended meanwhile does not stop a login, for which the user has just given proof.
      if (login) return fresh
      throw gone(core, old)
    }
    seen = newer
    const values = relay(changes, newer.values)
    const content = contentOf(login ? begun.meta : nextMeta(core, state, newer.meta, () => null), values)
    const expiresAt = expiryFor(core, state, content.meta, login ? fresh.ref : newer.ref)
    const ref = await core.backing.update(fresh.ref, { ...content, asked: askedOf(state) }, expiresAt, fresh)
    if (!ref) throw gone(core, fresh)
    fresh = { ...content, values, shared: newer.shared, ref }
  }
  throw tooBusy()
}

const ATTEMPTS = 200

/**
 * Writes a session. The first try is at once; who loses it waits for its turn among this process's other losers, so that a
 * burst of parallel requests costs each of them one more try and not a stampede.
 */
async function change(core: SessionsContext, state: State, loaded: Loaded, changes: Changed): Promise<Loaded | null> {
  const first = await write(core, state, loaded, state.values, changes.text)
  if (first !== 'conflict') return first
  return runExclusive(core, `session ${loaded.ref.cookie.id}`, () => overtake(core, state, loaded, changes))
}

/** Read again, lay this request's own changes over the newer copy, try again. */
async function overtake(core: SessionsContext, state: State, loaded: Loaded, changes: Changes): Promise<Loaded | null> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (core.emit.wanted()) core.emit({ type: 'conflict', handle: handleOf(loaded.ref.cookie.id), attempt })
    const newer = await core.backing.load(loaded.ref.cookie)
    if (!newer || !('ref' in newer)) throw gone(core, loaded)
    const result = await write(core, state, newer, relay(changes, newer.values))
    if (result !== 'conflict') return result
  }
  throw tooBusy()
}

const tooBusy = () =>
  new ConflictError(
    `The session was changed by others ${ATTEMPTS} times while this request tried. Try the request again.`,
  )

async function write(core: SessionsContext, state: State, over: Loaded, values: Values, text?: string | null) {
  const meta = nextMeta(core, state, over.meta, () => null)
  if (meta.userId === null && isEmpty(values)) {
    if (!(await core.backing.end(over.ref, over.ref.version))) return 'conflict' as const
    revoked(core, over.ref.cookie.id, 'emptied')
    return null
  }
  const data = text ?? JSON.stringify(values)
  const common = values === state.values ? shareable(state) : undefined
  const expiresAt = expiryFor(core, state, meta, over.ref)
  const keeping = { meta, data, values: common, asked: askedOf(state) }
  const ref = await core.backing.update(over.ref, keeping, expiresAt, over)
  if (!ref) return 'conflict' as const
  if (core.emit.wanted()) core.emit({ type: 'updated', handle: handleOf(ref.cookie.id) })
  return { meta, data, values, shared: common ?? over.shared, ref }
}

async function put(core: SessionsContext, state: State, meta: Meta, renewing?: SessionRef): Promise<Loaded> {
  const { values } = state
  const content = contentOf(meta, values)
  const keeping = { ...content, asked: askedOf(state) }
  const ref = await core.backing.create(keeping, expiryFor(core, state, meta, renewing), renewing)
  return { ...content, values, shared: state.shared, ref }
}

/** Never earlier than what was promised, even when the clock jumps back, unless the application itself shortens it. */
function expiryFor(core: SessionsContext, state: State, meta: Meta, before?: SessionRef): number {
  const next = expiryAfter(core.clock(), meta)
  return before && !state.lifetime ? Math.min(Math.max(next, before.expiresAt), meta.deadline) : next
}

function askedOf({ intent, lifetime }: State): RequestedLifetime | undefined {
  const remember = intent?.verb === 'login' ? intent.options.remember : undefined
  return remember === undefined && lifetime === null ? undefined : { remember, change: lifetime }
}

const contentOf = (meta: Meta, values: Values) => ({ meta, data: JSON.stringify(values) })

/** Updates run again may make what the first run did not, so their results are checked too. */
function relay(changes: Changes, newer: Values): Values {
  const values = applyChanges(changes, newer)
  for (const [key, edit] of changes.edits)
    if (edit.kind === 'update' && Object.hasOwn(values, key)) checkValue(key, values[key])
  return values
}

function gone(core: SessionsContext, { ref }: Loaded): SessionGoneError {
  if (core.emit.wanted()) core.emit({ type: 'gone', handle: handleOf(ref.cookie.id) })
  return new SessionGoneError()
}

function revoked(core: SessionsContext, id: Id, reason: RevokeReason): void {
  if (core.emit.wanted()) core.emit({ type: 'revoked', handle: handleOf(id), count: 1, reason })
}
