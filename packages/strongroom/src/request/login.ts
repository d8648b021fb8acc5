import { isLoaded, type Loaded } from '../backing/backing.ts'
import { handleOf } from '../crypto/token.ts'
import type { Changes } from '../session/merge.ts'
import { assertNotEnded, begin, momentOf, replaceAll, replaceOne } from './create.ts'
import { NO_CHANGES, type Plan } from './plan.ts'
import { loadNewer, trySave } from './save.ts'
import { sessionLimit } from './session-limit.ts'
import { applyAgain, contentOf, expiryFor, gone, report, requestedOf, type Task } from './task.ts'
import { orUndo } from './undo.ts'

/** How often a login takes over what was written into the old session meanwhile. */
const HANDOVERS = 50

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
    const limit = sessionLimit(context, state, [loaded.ref, ...ends])
    const renewed = await limit.goingOn(() => loginAgain(task, loaded, changes))
    if (renewed)
      return orUndo(context, renewed, async () => {
        await assertNotEnded(context, began, renewed.ref)
        await replaceAll(context, ends)
        reportLogin(task, renewed, loaded)
        return renewed
      })
  }
  const created = await begin(task, [loaded.ref, ...ends])
  const fresh = await orUndo(context, created, async () => {
    await replaceAll(context, ends)
    return handOver(task, plan, created)
  })
  reportLogin(task, fresh, loaded)
  return fresh
}

/** Only when nothing can refuse the login any more. */
const reportLogin = (task: Task, { ref }: Loaded, before: Loaded) =>
  report(task, ref.cookie, (handle) => ({
    type: 'renewed',
    handle,
    previous: handleOf(before.ref.cookie.id),
    reason: 'login',
  }))

/** Null when the session has ended or was renewed by somebody else: a proof of who one is must not be refused for that. */
async function loginAgain(task: Task, loaded: Loaded, changes: Changes): Promise<Loaded | null> {
  const saved = await trySave(task, { loaded, changes: { ...NO_CHANGES, ...changes }, renews: true })
  return saved !== 'gone' && isLoaded(saved) ? saved : null
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
    if (await context.backing.replace(seen.ref)) {
      context.ends.tell({ id: seen.ref.cookie.id, reason: 'login' })
      return fresh
    }
    const newer = await loadNewer(context, old.ref)
    // It has ended: the login, which has just been proved, goes on.
    if (!newer) break
    seen = newer
    const values = applyAgain(task, changes, newer.values)
    const content = { ...contentOf(created.meta, values), requested: requestedOf(state) }
    const ref = await context.backing.update(fresh.ref, content, expiryFor(task, created.meta, fresh.ref), fresh)
    if (!ref) throw gone(task, fresh.ref)
    fresh = { ...content, values, shared: newer.shared, ref }
  }
  await replaceOne(context, old.ref)
  return fresh
}
