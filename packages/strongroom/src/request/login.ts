import { type ContentToSave, isLoaded, type Loaded, type SessionRef, type VerifiedCookie } from '../backing/backing.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf } from '../crypto/token.ts'
import { SessionGoneError } from '../errors.ts'
import type { Meta } from '../session/content.ts'
import type { LoginMoment } from '../session/login.ts'
import type { Changes } from '../session/merge.ts'
import type { LoginIntent } from '../session/state.ts'
import { NO_CHANGES, type Plan } from './plan.ts'
import { save } from './save.ts'
import { sessionLimit } from './session-limit.ts'
import { applyAgain, contentOf, expiryFor, gone, metaFor, report, requestedOf, type Task } from './task.ts'
import { orUndo } from './undo.ts'

/** How often a login takes over what was written into the old session meanwhile. */
const HANDOVERS = 10

type Create = Omit<Extract<Plan, { verb: 'create' }>, 'verb'>

/**
 * A new session, for a visitor who had none, or whose cookie was superseded. Null, and nothing stored, if somebody signs in at this
 * moment in another request that had the same cookie: ours would overwrite the cookie of the login.
 */
export async function create(task: Task, { ends, over }: Create): Promise<Loaded | null> {
  const { context, state } = task
  const [previous] = ends
  const created = await begin(task, previous ?? null)
  const isLogin = state.intent?.verb === 'login'
  await orUndo(context, created, async () => {
    await replaceAll(context, ends)
    if (isLogin) await Promise.all(over.map((cookie) => context.backing.replaceOver?.(cookie)))
  })
  if (!isLogin && (await isAnyReplaced(context, over))) {
    await context.backing.discard(created.ref)
    return null
  }
  const authenticated = created.meta.userId !== null
  report(context, created.ref.cookie.id, (handle) =>
    previous
      ? { type: 'renewed', handle, previous: handleOf(previous.cookie.id), reason: 'login' }
      : { type: 'created', handle, authenticated },
  )
  return created
}

/** Asked last, so that whoever signs in later also answers later. */
async function isAnyReplaced({ backing }: SessionsContext, over: readonly VerifiedCookie[]): Promise<boolean> {
  for (const cookie of over) if (await backing.isReplaced?.(cookie)) return true
  return false
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
export async function login(task: Task, plan: Extract<Plan, { verb: 'login' }>): Promise<Loaded> {
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
    // It has ended: the login, which has just been proved, goes on.
    if (!isLoaded(newer)) break
    seen = newer
    const values = applyAgain(changes, newer.values)
    const content = { ...contentOf(created.meta, values), requested: requestedOf(state) }
    const ref = await context.backing.update(fresh.ref, content, expiryFor(task, created.meta, fresh.ref), fresh)
    if (!ref) throw gone(context, fresh.ref)
    fresh = { ...content, values, shared: newer.shared, ref }
  }
  await context.backing.replaceAny(old.ref)
  return fresh
}
