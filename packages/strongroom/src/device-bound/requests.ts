import { randomBytes } from 'node:crypto'
import { isLoaded, type Loaded, type SessionRef } from '../backing/backing.ts'
import type { LoadedCookies, SessionsContext } from '../context.ts'
import { handleOf } from '../crypto/token.ts'
import type { ProofRefusal } from '../events.ts'
import { type HeaderSource, header } from '../http/headers.ts'
import { load } from '../request/load.ts'
import { NO_CHANGES } from '../request/plan.ts'
import { trySave } from '../request/save.ts'
import { report } from '../request/task.ts'
import type { DeviceKey } from '../session/bound.ts'
import type { Meta } from '../session/content.ts'
import { State } from '../session/state.ts'
import type { ChallengeOf, Challenges } from './challenge.ts'
import type { DeviceCookie } from './cookie.ts'
import { challengeField, textOf } from './fields.ts'
import { algorithmOf, type DeviceProof, keyIn, type Refusal, verifyProof } from './proof.ts'
import type { Settings } from './settings.ts'

/** A response to the browser itself. */
export interface Reply {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/** What a request of a browser consists of. */
export interface OwnRequest {
  readonly headers: HeaderSource
  /** Where it was sent, with the port: "shop.example". */
  readonly host: string
}

/** The two requests of the protocol. They reject if the session could not be loaded or saved. */
export interface Devices {
  /** A browser that was offered to register has made a key. */
  register(request: OwnRequest): Promise<Reply>
  /** The cookie of a device has run out, or will soon. */
  refresh(request: OwnRequest): Promise<Reply>
}

export interface DevicesOptions {
  readonly settings: Settings
  readonly cookie: DeviceCookie
  readonly offers: Challenges
  readonly challenges: Challenges
  readonly context: SessionsContext
}

/** What the challenge of an offer is for: the next login of the same session makes it worthless, and a `stepUp` does not. */
export const registrationOf = ({ cookie }: SessionRef, { createdAt }: Meta): ChallengeOf => [
  'registration',
  cookie.id,
  `${createdAt}`,
]

const refreshOf = ({ cookie }: SessionRef, key: DeviceKey): ChallengeOf => ['refresh', cookie.id, key.id]

/** A response may be lost, and a browser may send a proof twice, within this time in ms. It gets the same cookie once more. */
const TWICE = 30_000

/** What browsers take for trouble that passes. Chromium 156 ends its binding for 401, 404 and 429. */
const LATER: Reply = { status: 503, headers: [], body: '' }

export function createDevices({ settings, cookie, offers, challenges, context: given }: DevicesOptions): Devices {
  // A request that is to prove something has no proof yet. And what is stored is written as it was, whatever `dataSchema` says of it, and
  // without what a request of the visitor's would have told of where it comes from.
  const context: SessionsContext = {
    ...given,
    dataRules: null,
    addresses: null,
    signals: null,
    binding: given.binding && { ...given.binding, checked: (found) => found, isUnproven: () => false },
  }
  const { ring, clock } = context

  async function find(headers: HeaderSource): Promise<LoadedCookies | 'unknown-key'> {
    await ring.ready()
    const cookies = header(headers, 'cookie')
    const found = await load(context, cookies)
    return found === 'unknown-key' && (await ring.refresh()) ? load(context, cookies) : found
  }

  /** With a secret that is missing here, or a newer cookie on its way to the browser, nothing is known of the session. */
  const isUncertain = (found: LoadedCookies | 'unknown-key'): found is 'unknown-key' =>
    found === 'unknown-key' || (found.loaded === null && found.superseded?.isRecent === true)

  function refused({ ref }: Pick<Loaded, 'ref'>, what: 'registration' | 'refresh', reason: ProofRefusal): Reply {
    report({ context }, ref.cookie, (handle) => ({ type: 'proofRefused', handle, what, reason }))
    return { status: 400, headers: [], body: '' }
  }

  const isOther = ({ aud }: DeviceProof, { host }: OwnRequest, path: string): boolean =>
    aud !== undefined && aud !== (settings.origin ?? `https://${host}`) + path

  /**
   * Stores what `device` makes of the key; null if the session has ended. With its first key, a session gets the lifetimes of one that is
   * bound. After that, proofs leave its deadline where it is: browsers make them for a page that nobody uses, too.
   */
  async function saveKey(loaded: Loaded, device: NonNullable<State['device']>): Promise<Loaded | null> {
    const state = new State({ now: clock(), handleOf }, loaded)
    state.device = device
    const isStill = loaded.meta.bound?.key !== undefined
    const task = { context, state, isStill, stamp: null, began: context.emit.now(), headers: {}, request: null }
    const saved = await trySave(task, { loaded, changes: { ...NO_CHANGES, text: loaded.data }, renews: false })
    return saved !== 'gone' && isLoaded(saved) ? saved : null
  }

  /** The device cookie, and what the next proof has to sign. */
  const proved = ({ ref }: Loaded, key: DeviceKey): Reply['headers'] => [
    ['Set-Cookie', cookie.set(ref.cookie.id, key)],
    challengeFor(ref, key),
  ]

  const challengeFor = (ref: SessionRef, key: DeviceKey): readonly [string, string] => [
    'Secure-Session-Challenge',
    challengeField(challenges.create(refreshOf(ref, key), key.proofs), key.id),
  ]

  /** A session that is bound may live longer than one that is not, and its cookie with it. */
  function sessionCookie({ meta, ref }: Loaded, before: Meta): Reply['headers'] {
    if (!meta.persistent || meta.deadline === before.deadline) return []
    return [['Set-Cookie', context.transport.set(ref.cookie.text, meta.deadline - clock())]]
  }

  const instructions = ({ id }: DeviceKey): string =>
    JSON.stringify({
      session_identifier: id,
      refresh_url: settings.paths.refresh,
      scope: { include_site: false, scope_specification: [] },
      credentials: [{ type: 'cookie', name: cookie.name, attributes: cookie.attributes }],
    })

  async function register(request: OwnRequest): Promise<Reply> {
    const found = await find(request.headers)
    if (isUncertain(found)) return LATER
    const { loaded } = found
    if (loaded === null || loaded.meta.userId === null) return { status: 403, headers: [], body: '' }
    const given = await registered(request, loaded)
    if ('refused' in given) return refused(loaded, 'registration', given.refused)
    const made: DeviceKey = { id: `d${randomBytes(16).toString('base64url')}`, jwk: given.jwk, proofs: 0, at: clock() }
    // Registered already, by this browser, whose response was lost.
    const saved = loaded.meta.bound?.key ? loaded : await saveKey(loaded, (before) => before ?? made)
    const key = saved?.meta.bound?.key
    if (!saved || !key) return { status: 403, headers: [], body: '' }
    if (key.jwk !== given.jwk) return refused(loaded, 'registration', 'bound')
    if (key.id === made.id)
      report({ context }, saved.ref.cookie, (handle) => ({ type: 'bound', handle, algorithm: algorithmOf(key.jwk) }))
    return {
      status: 200,
      headers: [['Content-Type', 'application/json'], ...sessionCookie(saved, loaded.meta), ...proved(saved, key)],
      body: instructions(key),
    }
  }

  /** The key of a registration, when all of it is right. */
  async function registered(request: OwnRequest, { ref, meta }: Loaded): Promise<{ readonly jwk: string } | Refusal> {
    const jwt = textOf(header(request.headers, 'secure-session-response'))
    if (jwt === null) return { refused: 'malformed' }
    const key = keyIn(jwt)
    if ('refused' in key) return key
    const proof = await verifyProof(jwt, key)
    if ('refused' in proof) return proof
    if (offers.numberOf(proof.jti, registrationOf(ref, meta)) !== 0) return { refused: 'challenge' }
    return isOther(proof, request, settings.paths.register) ? { refused: 'audience' } : key
  }

  async function refresh(request: OwnRequest): Promise<Reply> {
    const { headers } = request
    const id = textOf(header(headers, 'sec-secure-session-id'))
    if (id === null) return { status: 400, headers: [], body: '' }
    const found = await find(headers)
    if (isUncertain(found)) return LATER
    const { loaded } = found
    const key = loaded?.meta.bound?.key
    // After a logout, or a login in this browser: the binding that it asks for is over.
    if (!loaded || key?.id !== id) return ended(id)
    const field = header(headers, 'secure-session-response')
    if (field === undefined) return { status: 403, headers: [challengeFor(loaded.ref, key)], body: '' }
    const jwt = textOf(field)
    const proof: DeviceProof | Refusal = jwt
      ? await verifyProof(jwt, { alg: algorithmOf(key.jwk), jwk: key.jwk })
      : { refused: 'malformed' }
    if ('refused' in proof) return refused(loaded, 'refresh', proof.refused)
    if (isOther(proof, request, settings.paths.refresh)) return refused(loaded, 'refresh', 'audience')
    return answer(loaded, key, challenges.numberOf(proof.jti, refreshOf(loaded.ref, key)))
  }

  /** To a proof whose signature is right. One for another challenge than the current one is no attack as a rule: the browser tries again. */
  async function answer(loaded: Loaded, key: DeviceKey, number: number | 'expired' | null): Promise<Reply> {
    if (number === key.proofs) {
      const at = clock()
      const saved = await saveKey(loaded, (before) =>
        before?.id === key.id && before.proofs === number ? { ...before, proofs: number + 1, at } : before,
      )
      const now = saved?.meta.bound?.key
      return saved && now?.id === key.id ? { status: 200, headers: proved(saved, now), body: '' } : ended(key.id)
    }
    const isTwice = number === key.proofs - 1 && clock() < key.at + TWICE
    if (isTwice) return { status: 200, headers: proved(loaded, key), body: '' }
    if (number !== 'expired') refused(loaded, 'refresh', number === null ? 'challenge' : 'replayed')
    return { status: 403, headers: [challengeFor(loaded.ref, key)], body: '' }
  }

  const ended = (id: string): Reply => ({
    status: 200,
    headers: [
      ['Content-Type', 'application/json'],
      ['Set-Cookie', cookie.clear()],
    ],
    body: JSON.stringify({ session_identifier: id, continue: false }),
  })

  return { register, refresh }
}
