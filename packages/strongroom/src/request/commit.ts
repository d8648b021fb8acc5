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
 * Carries out a plan. Returns the session as it is stored now; null when it has ended or, for a touch or a refresh, when nothing
 * was saved. A promise only if there is something to wait for.
 */
export function commit(task: Task, plan: Plan): Awaitable<Saved> {
  const { context, state } = task
  if (state.intent?.verb !== 'login' && state.credentialChange === null) return carryOut(task, plan)
  return nextStamp(context, state).then((stamp) => carryOut({ ...task, stamp }, plan))
}

function carryOut(task: Task, plan: Plan): Awaitable<Saved> {
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
  for (const ref of refs) if (await endOne(ref)) revoked(context, ref.cookie, 'logout')
  if (!startAgain) return null
  // Checked only after the logout: a value that cannot be stored must not keep anybody signed in.
  assertStorable(state)
  const isLogin = state.intent?.verb === 'login'
  return create(isLogin ? task : { ...task, device: () => null }, { ends: [], presented: [], ended, replaces: true })
}

/** Throws `DataError` for a value that cannot be stored. */
const assertStorable = (state: State): void => void changesOf(state)
