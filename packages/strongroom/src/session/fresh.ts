import { booleanOption, checkOptions } from '../base/check.ts'
import { type Duration, milliseconds } from '../base/duration.ts'
import { ConfigError, type FreshLoginFacts, FreshLoginRequiredError, ReadOnlyError } from '../errors.ts'
import type { Meta } from './content.ts'
import { checkProof, LOWEST, type Proof, type ProofOptions, withProofs } from './proof.ts'
import type { State } from './state.ts'

/** What `session.requireFresh` asks for, beside the age of the proof. */
export interface FreshOptions {
  /** The proof must have at least this level: see `stepUp`. Default 1, which every login has. */
  readonly level?: number | undefined
  /** Must the session be bound to its device, which has proved that within the same time? Default false. */
  readonly deviceBound?: boolean | undefined
}

/** What was proved in sessions. A Worker is sent without it. */
export interface Proofs {
  /** Throws `FreshLoginRequiredError` without a user, and `TypeError` or `ConfigError` for options of `stepUp()` that are wrong. */
  checkStepUp(state: State, userId: string | null, given: ProofOptions): void
  /** The same for those of `login()`. */
  checkLogin(given: ProofOptions): void
  /** What the session's user has proved, with what this request has added, as if that had been at `now`. See `withProofs`. */
  of(state: State, now: number): readonly Proof[]
  /** The meta with what this request has added. */
  noted(meta: Meta, state: State, now: number): Meta
  /** When the session's device made the proof of this request, in ms; null if it is not bound, and after the login of another user. */
  deviceProvedAt(state: State): number | null
  /** See `session.requireFresh`. */
  requireFresh(state: State, userId: string | null, maxAge: Duration, options: FreshOptions): void
}

/** What is stored. Of a login that said nothing else, only the moment is; of one that was adopted, perhaps not even that. */
const proofsIn = ({ proofs, authenticatedAt }: Meta): readonly Proof[] =>
  proofs ?? (authenticatedAt === null ? [] : [[authenticatedAt, LOWEST, null]])

export const proofs: Proofs = {
  checkStepUp(state, userId, given) {
    checkOptions('stepUp()', given, ['method', 'level'])
    checkProof('stepUp', given)
    if (userId !== null) return
    const { level: requiredLevel = LOWEST } = given
    const nobody = { authenticatedAt: null, level: null, maxAge: 0, deviceBound: false }
    refuse(state, { reason: 'anonymous', requiredLevel, ...nobody })
  },

  checkLogin: (given) => checkProof('login', given),

  of({ intent, meta, proofs: added }, now) {
    if (intent?.verb === 'logout') return []
    const before: readonly Proof[] =
      intent?.verb === 'login' ? [[now, LOWEST, null]] : meta === null ? [] : proofsIn(meta)
    return withProofs(before, added, now)
  },

  // After a logout in the same request, what is stored is nobody's.
  noted: (meta, { proofs: added }, now) =>
    added.length === 0 || meta.userId === null
      ? meta
      : { ...meta, authenticatedAt: now, proofs: withProofs(proofsIn(meta), added, now) },

  deviceProvedAt({ intent, meta, deviceProof }) {
    const goesOn = intent?.verb !== 'logout' && (intent?.verb !== 'login' || intent.userId === meta?.userId)
    return goesOn ? (deviceProof?.() ?? null) : null
  },

  requireFresh(state, userId, maxAge, options) {
    const most = milliseconds(maxAge, 'requireFresh: maxAge')
    checkOptions('requireFresh()', options, ['level', 'deviceBound'])
    checkProof('requireFresh', options)
    const { level: requiredLevel = LOWEST } = options
    const deviceBound = booleanOption('requireFresh: deviceBound', options.deviceBound, false)
    // An outage must not look like a logout.
    if (state.isStandIn)
      throw new ReadOnlyError('The store is down, so nobody knows who is signed in. Try again later.')
    if (deviceBound && !state.deviceProof)
      throw new ConfigError('requireFresh: deviceBound needs the option deviceBound of createSessions().')
    const now = state.clock()
    const all = proofs.of(state, now)
    // The newest of those that are strong enough.
    const at = all.findLast((one) => one[1] >= requiredLevel)?.[0] ?? null
    const reason =
      userId === null
        ? 'anonymous'
        : (reasonOf(at, now - most, requiredLevel) ?? (deviceBound ? deviceReason(state, now - most) : null))
    if (reason === null) return
    refuse(state, {
      reason,
      authenticatedAt: at === null ? null : new Date(at),
      maxAge: most,
      level: userId === null ? null : (all[0]?.[1] ?? LOWEST),
      requiredLevel,
      deviceBound,
    })
  },
}

function refuse(state: State, facts: FreshLoginFacts): never {
  const error = new FreshLoginRequiredError(facts)
  state.refused(error)
  throw error
}

function reasonOf(at: number | null, since: number, requiredLevel: number): 'level' | 'stale' | null {
  if (at === null) return requiredLevel > LOWEST ? 'level' : 'stale'
  return at < since ? 'stale' : null
}

function deviceReason(state: State, since: number): 'unbound' | 'device' | null {
  const at = proofs.deviceProvedAt(state)
  if (at === null) return 'unbound'
  if (at >= since) return null
  state.provesAgain = true
  return 'device'
}
