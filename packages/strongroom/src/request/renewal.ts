import {
  isLoaded,
  type Predecessor,
  type Reuse,
  type SessionRef,
  type Superseded,
  type VerifiedCookie,
} from '../backing/backing.ts'
import type { RenewalTimes } from '../backing/succession.ts'
import { oneOf } from '../base/check.ts'
import { type Duration, milliseconds } from '../base/duration.ts'
import type { Renewal, RenewalPolicy, SessionsContext } from '../context.ts'
import { handleOf } from '../crypto/token.ts'
import { ConfigError, StoreError } from '../errors.ts'
import { deviceOf } from './load.ts'
import { revoked } from './task.ts'

/** Options of `createSessions` about tokens that are renewed by time. */
export interface RenewalOptions {
  /**
   * The token of a session in use is renewed when it is this old, with a response: at least `'1m'`. A copied cookie is then of no use soon,
   * or is noticed. Not for sessions in cookies. By default that of the `preset`. Without one, under `aal1`, and with null, no token is
   * renewed by time: only logins, `renew()`, `stepUp()` and `credentialChanged()` give a session a new one.
   */
  readonly renewEvery?: Duration | null | undefined
  /**
   * How long the previous token still opens the session, for requests that are under way, once a request has come with the new one. At
   * most `'10m'`, and shorter than `renewEvery`. Default `'30s'`.
   */
  readonly renewGrace?: Duration | undefined
  /**
   * What happens when a token comes back after that: `report` emits the event `reused`; `end` also ends the session, if somebody is signed
   * in. Default `report`.
   */
  readonly onReuse?: 'report' | 'end' | undefined
}

const LEAST_EVERY = 60_000
const MOST_GRACE = 600_000

interface RenewalLimits {
  /** How long a session can live, in ms. */
  readonly longest: number
  readonly inStore: boolean
  /** Is `renewEvery` that of a preset? Then shorter lifetimes than those of the preset are no mistake. */
  readonly isPreset: boolean
}

/** What the options say; null without `renewEvery`. Throws `ConfigError`. */
export function renewalOf(options: RenewalOptions, { longest, inStore, isPreset }: RenewalLimits): Renewal | null {
  const { renewEvery, renewGrace, onReuse } = options
  const [name] = Object.entries({ renewEvery, renewGrace, onReuse }).find(([, given]) => given != null) ?? []
  if (name === undefined) return null
  if (!inStore)
    throw new ConfigError(
      `${name} is for sessions in a store of this library, which remembers the previous token. Leave it out, or use sqlite, postgres, mysql, redis or another store.`,
    )
  if (renewEvery === undefined || renewEvery === null)
    throw new ConfigError(`${name} needs renewEvery: without it, no token is renewed by time. Add renewEvery: '15m'.`)
  if (isPreset && milliseconds(renewEvery, 'renewEvery') >= longest) return null
  const times = timesOf(renewEvery, renewGrace, longest)
  return renewal({ ...times, onReuse: oneOf('onReuse', onReuse ?? 'report', ['report', 'end']) })
}

function timesOf(renewEvery: Duration, renewGrace: Duration = '30s', longest: number): RenewalTimes {
  const [every, grace] = [milliseconds(renewEvery, 'renewEvery'), milliseconds(renewGrace, 'renewGrace')]
  if (every < LEAST_EVERY)
    throw new ConfigError(
      "renewEvery must be at least '1m', because each renewal costs a write and a cookie. Write '15m'; a number is milliseconds.",
    )
  if (every >= longest)
    throw new ConfigError(
      'renewEvery is not shorter than absolute and remember, so each session would end before its token is renewed. Lower it.',
    )
  if (grace > MOST_GRACE || grace >= every)
    throw new ConfigError(
      "renewGrace must be at most '10m', and shorter than renewEvery: a copied cookie is good for as long. Leave it out for '30s'.",
    )
  return { every, grace }
}

function renewal(facts: RenewalPolicy): Renewal {
  const { onReuse } = facts
  return {
    facts,
    planned({ backing }, plan, loaded) {
      if (!backing.renewal || !loaded) return plan
      // What it writes anyway, it writes under a new token if it is time for one.
      if (plan?.verb === 'write' || plan?.verb === 'refresh') return { ...plan, mayRenew: true }
      const isDue = (plan === null || plan.verb === 'touch') && backing.renewal.isDue(loaded.ref, plan !== null)
      return isDue ? { verb: 'refresh', loaded, mayRenew: true, once: true } : plan
    },
    meet(context, { loaded, superseded }, headers) {
      const { reuse, ends = null } = superseded ?? {}
      if (reuse) return alarm({ context, onReuse, ends }, reuse, deviceOf(context, headers))
      return loaded?.ref.predecessor?.isSeen === false ? loaded : null
    },
    isLate: (context, ref) => (ref?.predecessor ? isLate(context, ref.cookie, ref.predecessor) : undefined),
  }
}

/**
 * Has a request come with the cookie that would be sent by now, or has the session yet another one? Where that is unknown, the next
 * response sends it.
 */
async function isLate(
  { backing }: SessionsContext,
  { text }: VerifiedCookie,
  { cookie }: Predecessor,
): Promise<boolean> {
  try {
    const now = await backing.load(cookie, { fresh: true })
    return !isLoaded(now) || now.ref.cookie.text !== text || now.ref.predecessor?.isSeen !== false
  } catch {
    return true
  }
}

interface Alarmed extends Pick<Superseded, 'ends'>, Pick<RenewalPolicy, 'onReuse'> {
  readonly context: SessionsContext
}

async function alarm({ context, onReuse, ends }: Alarmed, reuse: Reuse, device: string | null): Promise<null> {
  const { clock, emit } = context
  const ended = onReuse === 'end' && ends !== null && (await end(context, ends.ref))
  const now = clock()
  emit({
    type: 'reused',
    handle: handleOf(reuse.cookie.id),
    supersededFor: now - reuse.renewedAt,
    sessionAge: now - reuse.createdAt,
    renewals: reuse.renewals,
    loginDevice: reuse.label(),
    device,
    ended,
  })
  if (ended && ends) revoked({ context }, ends.ref, 'reuse')
  return null
}

/** The request, which is anonymous anyway, is not refused because the store is down: the next one with that cookie tries again. */
async function end({ backing, emit }: SessionsContext, ref: SessionRef): Promise<boolean> {
  const began = emit.now()
  try {
    return await backing.end(ref)
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    emit({ type: 'storeError', error }, { began })
    return false
  }
}
