import { type DeviceCookieFault, isLoaded, type Loaded, type LoadResult } from '../backing/backing.ts'
import type { BindingFacts, DeviceBinding, DeviceRequest } from '../context.ts'
import { type HeaderSource, header } from '../http/headers.ts'
import type { Outcome } from '../http/outcome.ts'
import type { DeviceKey } from '../session/bound.ts'
import type { Meta } from '../session/content.ts'
import type { State } from '../session/state.ts'
import { createChallenges } from './challenge.ts'
import type { DeviceCookie } from './cookie.ts'
import { registrationField } from './fields.ts'
import { ownRequests } from './own.ts'
import { ALGORITHMS } from './proof.ts'
import { createDevices, registrationOf } from './requests.ts'
import type { Settings } from './settings.ts'

/** A proof may have to be made for a challenge that came with the one before. */
const MARGIN = 300_000

export function createBinding(settings: Settings, facts: BindingFacts, cookie: DeviceCookie): DeviceBinding {
  const { limits, paths } = settings
  const offers = createChallenges(settings.toRegister, facts)
  const challenges = createChallenges(settings.refreshEvery + MARGIN, facts)

  /** Of a session that is not bound; null for one that has no limit of its own. */
  const endOf = ({ userId, bound, createdAt }: Meta): number | null =>
    limits === null || userId === null || bound?.key ? null : createdAt + limits.absolute

  function limited(meta: Meta): Meta {
    const end = endOf(meta)
    if (limits === null || end === null) return meta
    const { idle, deadline } = meta
    return {
      ...meta,
      idle: idle === 0 ? limits.idle : Math.min(idle, limits.idle),
      deadline: Math.min(deadline, end),
      bound: { full: { idle, deadline } },
    }
  }

  /** Of a session that is bound, by what its request has brought: another browser may have made a later proof. */
  const proofOf = (headers: HeaderSource, loaded: Loaded | null): number | DeviceCookieFault => {
    const key = loaded?.meta.bound?.key
    if (!loaded || !key) return 'missing'
    return cookie.provedAt(header(headers, 'cookie') ?? '', loaded.ref.cookie.id, key)
  }

  const provedAt = (headers: HeaderSource, loaded: Loaded | null): number | null => {
    const proof = proofOf(headers, loaded)
    return typeof proof === 'number' ? proof : null
  }

  return {
    facts: { refreshEvery: settings.refreshEvery, unbound: limits },
    checked(found: LoadResult, cookies: string): LoadResult {
      if (!isLoaded(found)) return found
      const { meta, ref } = found
      const key = meta.bound?.key
      if (!key) {
        const end = endOf(meta)
        return end !== null && facts.clock() >= end ? { expired: 'absolute' } : found
      }
      const proof = cookie.provedAt(cookies, ref.cookie.id, key)
      if (typeof proof === 'number') return found
      // The session is the visitor's, whose browser only could not reach this server, or it is not: it stays, and nothing overwrites its
      // cookie. A logout with it ends it.
      return { superseded: 'unproven', isRecent: true, ends: { ref, isOf: (userId) => userId === meta.userId }, proof }
    },
    provedAt,
    isUnproven: (loaded, headers) => loaded.meta.bound?.key !== undefined && provedAt(headers, loaded) === null,
    unlimited({ bound, ...meta }: Meta): Meta {
      if (!bound?.full) return bound ? { ...meta, bound } : meta
      return { ...meta, ...bound.full, bound: bound.key && { key: bound.key } }
    },
    next(meta: Meta, before: Meta | null, state: State): Meta {
      const { bound: _, ...rest } = meta
      if (meta.userId === null) return rest
      const key = nextKey(meta, before, state)
      return key ? { ...rest, bound: { key } } : limited(rest)
    },
    outcome(outcome: Outcome, { headers, loaded, signedIn, state }: DeviceRequest): Outcome {
      const removes = cookie.isIn(headers) && (state?.provesAgain || provedAt(headers, loaded) === null)
      const offers = signedIn && loaded !== null && loaded.meta.userId !== null && !loaded.meta.bound?.key
      if (!removes && !offers) return outcome
      return {
        ...outcome,
        ...(removes && { clearCookies: [...(outcome.clearCookies ?? []), cookie.clear()] }),
        ...(offers && { headers: [...(outcome.headers ?? []), ['Secure-Session-Registration', offerFor(loaded)]] }),
      }
    },
    ownRequests: (context) =>
      ownRequests(paths, createDevices({ settings, cookie, offers, challenges, context }), context.emit),
  }

  function offerFor({ ref, meta }: Loaded): string {
    return registrationField(ALGORITHMS, paths.register, offers.create(registrationOf(ref, meta), 0))
  }
}

/** A login of another user has a session of its own. One of the same user, who is here with the device, leaves it bound. */
function nextKey(meta: Meta, before: Meta | null, { device }: State): DeviceKey | undefined {
  const key = before !== null && before.userId === meta.userId ? before.bound?.key : undefined
  return device ? device(key) : key
}
