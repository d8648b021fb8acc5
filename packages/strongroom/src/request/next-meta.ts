import { milliseconds } from '../base/duration.ts'
import type { Policy, SessionsContext, SignalSource } from '../context.ts'
import { UnsupportedError } from '../errors.ts'
import type { Meta } from '../session/content.ts'
import { tidyLabel } from '../session/device.ts'
import type { LoginOptions } from '../session/login.ts'
import type { State } from '../session/state.ts'
import { deviceOf } from './load.ts'

interface Facts extends SignalSource {
  readonly stamp: string | null
}

/** The session's meta after what this request asked for. `before` is what is stored with it, null for a new one. */
export function nextMeta(context: SessionsContext, state: State, before: Meta | null, facts: Facts): Meta {
  const { stamp, request, headers } = facts
  const { binding } = context
  const now = context.clock()
  const { intent, lifetime } = state
  let meta: Meta = before
    ? (binding?.unlimited(before) ?? before)
    : { ...newLifetime(context, now, null), authenticatedAt: null, userId: null, label: null }
  if (intent?.verb === 'login') {
    const { label = deviceOf(context, headers), remember } = intent.options
    meta = {
      ...newLifetime(context, now, intent.userId),
      authenticatedAt: now,
      userId: intent.userId,
      label: tidyLabel(label),
      ...remembered(context, now, remember),
    }
  }
  meta = context.proofs.noted(meta, state, now)
  if (stamp !== null) meta = { ...meta, stamp }
  if (lifetime) meta = { ...meta, ...(lifetime.defaults && defaultsFor(context, now, meta)), ...lifetime.named }
  if (binding !== null) meta = binding.next(meta, before, state)
  meta = context.addresses?.note(meta, request) ?? meta
  return context.signals?.note(meta, facts) ?? meta
}

const policyFor = ({ policy, anonymous }: SessionsContext, userId: string | null): Policy =>
  userId === null && anonymous ? anonymous.policy : policy

function newLifetime(context: SessionsContext, now: number, userId: string | null) {
  const { absolute, idle, persistent } = policyFor(context, userId)
  return { createdAt: now, deadline: now + absolute, idle, persistent }
}

/** The credential stamp that a login or `credentialChanged()` needs; null where sessions belong to no credential. */
export async function nextStamp({ stamps, backing }: SessionsContext, state: State): Promise<string | null> {
  const { intent, credentialChange, meta } = state
  const given = credentialChange?.credential ?? (intent?.verb === 'login' ? intent.options.credential : undefined)
  const userId = intent?.verb === 'login' ? intent.userId : meta?.userId
  if (intent?.verb === 'logout' || userId == null) return null
  if (stamps) {
    const stamp = await stamps.make(userId, given)
    if (stamp !== null) return stamp
    throw new UnsupportedError(
      'The option "credential" returned null for this user, so the login would be over immediately. Return the credential, or refuse the login.',
    )
  }
  if (given === undefined && (backing.stampsLogins || !credentialChange)) return null
  if (backing.stampsLogins)
    throw new UnsupportedError(
      'These sessions ask the option "password" for the credential. Call login() and credentialChanged() without one.',
    )
  throw new UnsupportedError(
    'credentialChanged(), and a credential for login(), need the option "credential" of createSessions(): without it nothing compares them.',
  )
}

/** A session that was to be remembered may be older than the default allows: it is not cut off while it is used. */
function defaultsFor(context: SessionsContext, now: number, { createdAt, deadline, userId }: Meta) {
  const policy = policyFor(context, userId)
  const end = createdAt + policy.absolute
  return {
    idle: policy.idle,
    persistent: policy.persistent,
    deadline: end > now ? end : Math.min(deadline, now + policy.absolute),
  }
}

function remembered({ policy }: SessionsContext, now: number, remember: LoginOptions['remember']) {
  if (remember === undefined) return {}
  // Said for this login: it must hold on somebody else's computer, whatever the default is.
  if (remember === false) return { persistent: false }
  const life = remember === true ? policy.remember : milliseconds(remember, 'login: remember')
  return { persistent: true, idle: policy.rememberIdle, deadline: now + life }
}
