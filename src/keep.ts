import type { Held, Loaded } from './backing.ts'
import { checkValue, type Meta, type Values } from './codec/json.ts'
import type { Core } from './core.ts'
import { ConflictError, SessionGone } from './errors.ts'
import type { RevokeReason } from './events.ts'
import { expiryAfter, milliseconds, touchDue } from './lifetime.ts'
import { withinLimit } from './limit.ts'
import type { LoginOptions } from './login.ts'
import { type Changes, lay } from './merge.ts'
import { changesOf, type State } from './state.ts'
import { handleOf, type Id } from './token.ts'

/** What is to be done for a request's session when its response begins. */
export type Plan =
  | { readonly verb: 'end' }
  | { readonly verb: 'create' | 'rotate' | 'write'; readonly changes: Changes }
  | { readonly verb: 'touch'; readonly expiresAt: number }

const NO_CHANGES: Changes = { cleared: false, edits: new Map() }

/** Null where there is nothing to do. No I/O; throws `DataError` for a value that cannot be kept. */
export function planOf(core: Core, state: State, loaded: Loaded | null, failed: boolean): Plan | null {
  // An end that was asked for is kept even when the page about it failed.
  if (state.intent?.verb === 'logout') return { verb: 'end' }
  if (failed && !core.saveOnServerError) return null
  const changes = changesOf(state)
  if (!loaded) {
    const worth = state.intent?.verb === 'login' || Object.keys(state.values).length > 0
    return worth ? { verb: 'create', changes: changes ?? NO_CHANGES } : null
  }
  if (state.intent) return { verb: 'rotate', changes: changes ?? NO_CHANGES }
  if (changes || state.lifetime) return { verb: 'write', changes: changes ?? NO_CHANGES }
  const expiresAt = touchDue(core.clock(), loaded.held.expiresAt, loaded.meta)
  return expiresAt === null ? null : { verb: 'touch', expiresAt }
}

/** Carries a plan out; the session as it rests now, or null when it rests no longer. `device` labels a login. */
export function carryOut(core: Core, plan: Plan, state: State, loaded: Loaded | null, device: () => string | null) {
  switch (plan.verb) {
    case 'end':
      return end(core, loaded)
    case 'create':
      return create(core, state, device)
    case 'rotate':
      return rotate(core, state, loaded as Loaded, plan.changes, device)
    case 'write':
      return inTurn(core, state, loaded as Loaded, plan.changes)
    case 'touch':
      return touch(core, loaded as Loaded, plan.expiresAt)
  }
}

async function end(core: Core, loaded: Loaded | null): Promise<null> {
  if (loaded && (await core.backing.end(loaded.held))) revoked(core, loaded.held.ticket.id, 'logout')
  return null
}

async function touch(core: Core, loaded: Loaded, expiresAt: number): Promise<Loaded | null> {
  const held = await core.backing.touch(loaded.held, loaded, expiresAt)
  const { id } = loaded.held.ticket
  if (core.emit.wanted()) core.emit({ type: held ? 'touched' : 'gone', handle: handleOf(id) })
  return held && { ...loaded, held }
}

async function create(core: Core, state: State, device: () => string | null): Promise<Loaded> {
  const meta = metaAfter(core, state, null, device)
  return withinLimit(core, state, null, async () => {
    const held = await put(core, meta, state.values)
    if (core.emit.wanted())
      core.emit({ type: 'created', handle: handleOf(held.held.ticket.id), authenticated: meta.userId !== null })
    return held
  })
}

/**
 * A new token for a session. The new record is there before the old one goes, and only the version that was copied may go:
 * when a parallel request wrote meanwhile, its change is taken along; when the session was ended meanwhile, it stays ended.
 */
async function rotate(
  core: Core,
  state: State,
  old: Loaded,
  changes: Changes,
  device: () => string | null,
): Promise<Loaded> {
  const meta = metaAfter(core, state, old.meta, device)
  const verb = state.intent?.verb
  return withinLimit(core, state, old.held.ticket.id, async () => {
    let fresh = await put(core, meta, state.values, verb === 'renew' ? old.held : undefined)
    if (verb !== 'reroot') {
      try {
        fresh = await retire(core, state, old, fresh, changes)
      } catch (error) {
        // What could not take the old one's place must not lie about as a second session. The first error is the one to tell.
        await core.backing.end(fresh.held).catch(() => undefined)
        throw error
      }
    }
    if (core.emit.wanted())
      core.emit({
        type: 'renewed',
        handle: handleOf(fresh.held.ticket.id),
        previous: handleOf(old.held.ticket.id),
        reason: verb === 'login' ? 'login' : 'renew',
      })
    return fresh
  })
}

async function retire(core: Core, state: State, old: Loaded, fresh: Loaded, changes: Changes): Promise<Loaded> {
  let seen = old
  for (;;) {
    if (await core.backing.end(seen.held, seen.held.version)) return fresh
    const newer = await core.backing.load(old.held.ticket)
    if (!newer || !('held' in newer)) {
      // An anonymous session that ended meanwhile does not stop a login, for which the user has just given proof.
      if (state.intent?.verb === 'login' && old.meta.userId === null) return fresh
      throw gone(core, old)
    }
    seen = newer
    const values = relay(changes, newer.values)
    const held = await core.backing.update(fresh.held, contentOf(fresh.meta, values), fresh.held.expiresAt, fresh)
    if (!held) throw gone(core, fresh)
    fresh = { ...contentOf(fresh.meta, values), values, held }
  }
}

const turns = new WeakMap<Core, Map<Id, Promise<unknown>>>()
const ATTEMPTS = 200

/**
 * Writes a session. The first try is at once; who loses it waits for its turn among this process's other losers, so that a
 * burst of parallel requests costs each of them one more try and not a stampede.
 */
async function inTurn(core: Core, state: State, loaded: Loaded, changes: Changes): Promise<Loaded | null> {
  const first = await write(core, state, loaded, state.values)
  if (first !== 'conflict') return first
  const queue = turns.get(core) ?? new Map<Id, Promise<unknown>>()
  turns.set(core, queue)
  const { id } = loaded.held.ticket
  const turn = (queue.get(id) ?? Promise.resolve()).then(() => overtake(core, state, loaded, changes))
  const settled = turn.catch(() => undefined)
  queue.set(id, settled)
  try {
    return await turn
  } finally {
    if (queue.get(id) === settled) queue.delete(id)
  }
}

/** Read again, lay this request's own changes over the newer copy, try again. */
async function overtake(core: Core, state: State, loaded: Loaded, changes: Changes): Promise<Loaded | null> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (core.emit.wanted()) core.emit({ type: 'conflict', handle: handleOf(loaded.held.ticket.id), attempt })
    const newer = await core.backing.load(loaded.held.ticket)
    if (!newer || !('held' in newer)) throw gone(core, loaded)
    const result = await write(core, state, newer, relay(changes, newer.values))
    if (result !== 'conflict') return result
  }
  throw new ConflictError(
    `The session was changed by others ${ATTEMPTS} times while this request tried. Try the request again.`,
  )
}

async function write(core: Core, state: State, over: Loaded, values: Values): Promise<Loaded | null | 'conflict'> {
  const meta = metaAfter(core, state, over.meta, () => null)
  if (meta.userId === null && Object.keys(values).length === 0) {
    if (!(await core.backing.end(over.held, over.held.version))) return 'conflict'
    revoked(core, over.held.ticket.id, 'emptied')
    return null
  }
  const content = contentOf(meta, values)
  const held = await core.backing.update(over.held, content, expiryAfter(core.clock(), meta), over)
  if (!held) return 'conflict'
  if (core.emit.wanted()) core.emit({ type: 'updated', handle: handleOf(held.ticket.id) })
  return { ...content, values, held }
}

async function put(core: Core, meta: Meta, values: Values, renewing?: Held): Promise<Loaded> {
  const content = contentOf(meta, values)
  const held = await core.backing.create(content, expiryAfter(core.clock(), meta), renewing)
  return { ...content, values, held }
}

const contentOf = (meta: Meta, values: Values) => ({ meta, data: JSON.stringify(values) })

/** Updates run again may make what the first run did not, so their results are checked too. */
function relay(changes: Changes, newer: Values): Values {
  const values = lay(changes, newer)
  for (const [key, edit] of changes.edits) if (edit.kind === 'update' && key in values) checkValue(key, values[key])
  return values
}

function metaAfter(core: Core, state: State, was: Meta | null, device: () => string | null): Meta {
  const { clock, policy } = core
  const now = clock()
  const { intent, lifetime } = state
  const anonymous = { createdAt: now, authenticatedAt: null, deadline: now + policy.absolute, idle: policy.idle }
  let meta: Meta = was ?? { ...anonymous, userId: null, persistent: false, label: null }
  if (intent?.verb === 'login') {
    const { label = device(), remember } = intent.options
    meta = {
      ...anonymous,
      authenticatedAt: now,
      userId: intent.userId,
      label,
      persistent: false,
      ...remembered(core, now, remember),
    }
  }
  if (lifetime === 'default')
    return { ...meta, idle: policy.idle, deadline: meta.createdAt + policy.absolute, persistent: false }
  return lifetime ? { ...meta, ...lifetime } : meta
}

function remembered({ policy }: Core, now: number, remember: LoginOptions['remember']) {
  if (remember === undefined || remember === false) return {}
  const life = remember === true ? policy.remember : milliseconds(remember, 'login: remember')
  return { persistent: true, idle: 0, deadline: now + life }
}

function gone(core: Core, { held }: Loaded): SessionGone {
  if (core.emit.wanted()) core.emit({ type: 'gone', handle: handleOf(held.ticket.id) })
  return new SessionGone()
}

function revoked(core: Core, id: Id, reason: RevokeReason): void {
  if (core.emit.wanted()) core.emit({ type: 'revoked', handle: handleOf(id), count: 1, reason })
}
