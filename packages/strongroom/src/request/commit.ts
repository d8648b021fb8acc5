import type { Loaded, SessionRef } from '../backing/backing.ts'
import type { Awaitable } from '../base/awaitable.ts'
import { changesOf } from '../session/changes.ts'
import type { State } from '../session/state.ts'
import { create } from './create.ts'
import { login } from './login.ts'
import { nextStamp } from './next-meta.ts'
import type { Plan } from './plan.ts'
import { refresh, type Saved, save, touch, trySave } from './save.ts'
import { revoked, type Task } from './task.ts'

/**
 * Saves what the plan says. Returns the session as it is stored now; null when it has ended or, for a touch or a refresh, when nothing
 * was saved. A promise only if there is something to wait for.
 */
export function commit(task: Task, plan: Plan): Awaitable<Saved> {
  const { around } = task.context.calls
  return around === null ? stampAndSave(task, plan) : around('save', plan.verb, () => stampAndSave(task, plan))
}

function stampAndSave(task: Task, plan: Plan): Awaitable<Saved> {
  const { context, state } = task
  if (state.intent?.verb !== 'login' && state.credentialChange === null) return savePlan(task, plan)
  return nextStamp(context, state).then(async (stamp) => {
    const saved = await savePlan({ ...task, stamp }, plan)
    context.audit?.saved(task, saved)
    return saved
  })
}

function savePlan(task: Task, plan: Plan): Awaitable<Saved> {
  switch (plan.verb) {
    case 'end':
      return end(task, plan)
    case 'create':
      return create(task, plan)
    case 'login':
      return login(task, plan)
    case 'write':
      return plan.isEmptied ? fill(task, plan) : save(task, plan)
    case 'touch':
      return touch(task, plan)
    case 'refresh':
      return refresh(task, plan)
  }
}

/** In place of the session that was left empty; or a new one, if it has ended meanwhile. */
async function fill(task: Task, plan: Extract<Plan, { verb: 'write' }>): Promise<Saved> {
  const saved = await trySave(task, plan)
  if (saved !== 'gone') return saved
  return create(task, { ends: [], presented: [plan.loaded.ref.cookie], ended: [], replaces: false })
}

async function end(task: Task, { refs, startAgain, ended }: Extract<Plan, { verb: 'end' }>): Promise<Loaded | null> {
  const { context, state } = task
  const { backing } = context
  // A new session gets a cookie, which another request that had the old one must not overwrite with one of its own.
  const endOne = (ref: SessionRef) => (startAgain ? backing.replaceAny(ref) : backing.end(ref))
  let hasEnded = false
  for (const ref of refs) {
    if (!(await endOne(ref))) continue
    hasEnded = true
    revoked(task, ref, 'logout')
    context.audit?.loggedOut(task, ref.cookie.id)
  }
  if (!startAgain) return null
  // Checked only after the logout: a value that cannot be stored must not keep anybody signed in.
  assertStorable(state)
  // A session that this request has ended may be replaced by another one: there are no more of them than before.
  if (state.intent?.verb !== 'login' && !hasEnded && context.anonymous?.admits(state) === false) return null
  return create(task, { ends: [], presented: [], ended, replaces: true })
}

/** Throws `DataError` for a value that cannot be stored. */
const assertStorable = (state: State): void => void changesOf(state)
