import type { SessionsContext } from '../context.ts'
import { UnsupportedError } from '../errors.ts'
import type { Meta } from '../session/content.ts'
import { tidyLabel } from '../session/device.ts'
import { milliseconds } from '../session/lifetime.ts'
import type { LoginOptions } from '../session/login.ts'
import type { State } from '../session/state.ts'

/** What a session's meta becomes by what a request has asked for; `was` is what it rests with, null for a new one. */
export function nextMeta(core: SessionsContext, state: State, was: Meta | null, device: () => string | null): Meta {
  const { clock, policy } = core
  const now = clock()
  const { intent, lifetime } = state
  const standard = { deadline: now + policy.absolute, idle: policy.idle, persistent: policy.persistent }
  const anonymous = { createdAt: now, authenticatedAt: null, ...standard }
  let meta: Meta = was ?? { ...anonymous, userId: null, label: null }
  if (intent?.verb === 'login') {
    const { label = device(), remember } = intent.options
    meta = {
      ...anonymous,
      authenticatedAt: now,
      userId: intent.userId,
      label: tidyLabel(label),
      ...remembered(core, now, remember),
    }
  }
  if (state.stamp !== null) meta = { ...meta, stamp: state.stamp }
  if (!lifetime) return meta
  return { ...meta, ...(lifetime.defaults && defaultsFor(core, now, meta)), ...lifetime.named }
}

/** Of the credential that a login, or `restamp`, stands on; null where no session stands on one. */
export async function stampFor(
  { stamps }: SessionsContext,
  { intent, credentialChange: restamp, meta }: State,
): Promise<string | null> {
  const given = restamp?.credential ?? (intent?.verb === 'login' ? intent.options.credential : undefined)
  const userId = intent?.verb === 'login' ? intent.userId : meta?.userId
  if (intent?.verb === 'logout' || userId == null) return null
  if (stamps) {
    const stamp = await stamps.make(userId, given)
    if (stamp !== null) return stamp
    throw new UnsupportedError('The option "credential" answers null for this user, whose login would be over at once.')
  }
  if (given === undefined && !restamp) return null
  throw new UnsupportedError(
    'restamp(), and a credential for login(), need the option "credential" of createSessions(): without it nobody would compare them.',
  )
}

/** A session that was to be remembered may be older than the default allows: it is not cut off in the middle of its use. */
function defaultsFor({ policy }: SessionsContext, now: number, { createdAt, deadline }: Meta) {
  const end = createdAt + policy.absolute
  return {
    idle: policy.idle,
    persistent: policy.persistent,
    deadline: end > now ? end : Math.min(deadline, now + policy.absolute),
  }
}

function remembered({ policy }: SessionsContext, now: number, remember: LoginOptions['remember']) {
  if (remember === undefined) return {}
  // Said for this login, so that it holds on somebody else's computer whatever the others get.
  if (remember === false) return { persistent: false }
  const life = remember === true ? policy.remember : milliseconds(remember, 'login: remember')
  return { persistent: true, idle: 0, deadline: now + life }
}
