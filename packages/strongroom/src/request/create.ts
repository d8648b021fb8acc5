import type { ContentToSave, Loaded, SessionRef, VerifiedCookie } from '../backing/backing.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf } from '../crypto/token.ts'
import { SessionGoneError } from '../errors.ts'
import type { Meta } from '../session/content.ts'
import type { LoginMoment } from '../session/login.ts'
import type { LoginIntent } from '../session/state.ts'
import type { Plan } from './plan.ts'
import { sessionLimit } from './session-limit.ts'
import { contentOf, expiryFor, metaFor, report, requestedOf, type Task } from './task.ts'
import { orUndo } from './undo.ts'

type Create = Omit<Extract<Plan, { verb: 'create' }>, 'verb'>

/**
 * A new session, for a visitor who had none, or whose cookie was superseded. Null, and nothing stored, if another request that had
 * the same cookie has just signed in, or was renewed: ours would overwrite its cookie.
 */
export async function create(task: Task, { ends, presented, ended, replaces }: Create): Promise<Loaded | null> {
  const { context } = task
  const [previous] = ends
  const created = await begin(task, ends)
  const overtaken = await orUndo(context, created, async () => {
    await replaceAll(context, ends)
    if (!replaces) return firstReplaced(context, presented)
    await Promise.all(ended.map((cookie) => context.backing.replaceEnded?.(cookie)))
    return null
  })
  if (overtaken) {
    await context.backing.discard(created.ref)
    report(task, overtaken, (handle) => ({ type: 'gone', handle }))
    return null
  }
  const authenticated = created.meta.userId !== null
  report(task, created.ref.cookie, (handle) =>
    previous
      ? { type: 'renewed', handle, previous: handleOf(previous.cookie.id), reason: 'login' }
      : { type: 'created', handle, authenticated, ...(authenticated && { reason: 'login' }) },
  )
  return created
}

/**
 * The first of the cookies that a login in another request has replaced, or a renewal, a moment ago. Asked last: what comes after it
 * is as good as later than this response.
 */
export async function firstReplaced({ backing }: SessionsContext, cookies: readonly VerifiedCookie[]) {
  for (const cookie of cookies) {
    const now = await backing.load(cookie, { fresh: true })
    if (now && 'superseded' in now && now.isRecent) return cookie
  }
  return null
}

/** By right of the proof, not of the cookies: perhaps somebody else has renewed them. */
export async function replaceAll(context: SessionsContext, refs: readonly SessionRef[]): Promise<void> {
  for (const ref of refs) await replaceOne(context, ref)
}

export async function replaceOne({ backing, ends }: SessionsContext, ref: SessionRef): Promise<void> {
  await backing.replaceAny(ref)
  ends.tell({ id: ref.cookie.id, reason: 'login' })
}

/**
 * Stores a session with a new identity. It is stored before the one that it takes the place of is ended, so that a failure in
 * between loses nothing.
 */
export async function begin(task: Task, replaced: readonly SessionRef[]): Promise<Loaded> {
  const { context, state } = task
  const meta = metaFor(task, null)
  const began = state.intent?.verb === 'login' ? await momentOf(context, state.intent) : null
  const limit = sessionLimit(context, state, replaced)
  return limit.inTurn(async () => {
    const session = await storeNew(task, meta, began)
    return orUndo(context, session, async () => {
      await assertNotEnded(context, began, session.ref)
      return session
    })
  })
}

/** Longer than anybody takes to sign in. A store may have forgotten what happened since a moment that is a day old. */
const LONGEST_LOGIN = 3_600_000

export async function momentOf({ clock }: SessionsContext, { began }: LoginIntent): Promise<LoginMoment | null> {
  const moment = await began
  if (moment && clock() - moment.at > LONGEST_LOGIN)
    throw new SessionGoneError('This login began more than an hour ago. Ask the user to sign in again.')
  return moment
}

/** Rejects with `SessionGoneError` if all sessions of the user were ended since that moment. */
export async function assertNotEnded(
  { backing }: SessionsContext,
  began: LoginMoment | null,
  ref: SessionRef,
): Promise<void> {
  if (!began || !(await backing.users.endedSince?.(began, ref))) return
  throw new SessionGoneError(
    'All sessions of this user were ended while this login was under way, and it ended with them. Ask the user to sign in again.',
  )
}

async function storeNew(task: Task, meta: Meta, began: LoginMoment | null): Promise<Loaded> {
  const { context, state } = task
  const { values, shared } = state
  const content = contentOf(meta, values)
  const toSave: ContentToSave = { ...content, requested: requestedOf(state) }
  const ref = await context.backing.create(toSave, expiryFor(task, meta), began, state.takeIdentity())
  return { ...content, values, shared, ref }
}
