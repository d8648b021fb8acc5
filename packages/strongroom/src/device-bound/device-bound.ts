import { checkOptions } from '../base/check.ts'
import { type Duration, milliseconds } from '../base/duration.ts'
import type { BindingFacts, DeviceBound } from '../context.ts'
import { ConfigError } from '../errors.ts'
import { checkCookie } from '../http/cookie.ts'
import { type AnySession, stateOf } from '../session/session.ts'
import { createBinding } from './binding.ts'
import { deviceCookie } from './cookie.ts'
import type { Settings } from './settings.ts'

export type { DeviceBound }

/** Options of `deviceBound`. A wrong or unknown one is a `ConfigError`. */
export interface DeviceBoundOptions {
  /**
   * Where browsers register a key, and where they prove that they have it: paths of the application's own, to which the adapter responds.
   * Default `/device-bound/register` and `/device-bound/refresh`.
   */
  readonly paths?: { readonly register?: string | undefined; readonly refresh?: string | undefined } | undefined
  /** The cookie that is renewed with each proof. Its name: default `__Host-device`. All else is as with the session cookie. */
  readonly cookie?: { readonly name?: string | undefined } | undefined
  /**
   * How long that cookie is good: cookies that were copied are worth nothing after this. From 5 minutes to a day; default `'10m'`. Browsers
   * limit themselves to about six proofs in nine minutes.
   */
  readonly refreshEvery?: Duration | undefined
  /**
   * What becomes of a login in a browser that registers no key: `allow` (default) is a session as without this option; lifetimes are
   * upper limits for its own; `refuse` ends it five minutes after the login.
   */
  readonly unbound?: 'allow' | 'refuse' | { readonly idle: Duration; readonly absolute: Duration } | undefined
  /**
   * The origin that visitors see, such as `https://shop.example`, for browsers that sign the address which they prove something to. Default:
   * `https://` and the request's Host, which is wrong behind a proxy that changes it.
   */
  readonly origin?: string | undefined
}

/** A browser counts its proofs: with a shorter life, it would soon go on without. It also renews a cookie two minutes before its end. */
const LEAST = 300_000
const MOST = 86_400_000

/** Enough for a browser to make a key, and little for somebody who has copied the cookie since. */
const TO_REGISTER = 300_000

/**
 * For `createSessions({ deviceBound: deviceBound() })`: Device Bound Session Credentials (W3C). The response to a login offers the browser to
 * register a key that does not leave the device. From then on, the session needs a device cookie, too, which lasts ten minutes, and which the
 * browser gets for a proof that it has the key. Browsers that cannot do this ignore the offer. Throws `ConfigError` for a wrong option.
 */
export function deviceBound(options: DeviceBoundOptions = {}): DeviceBound {
  const where = 'deviceBound()'
  checkOptions(where, options, ['paths', 'cookie', 'refreshEvery', 'unbound', 'origin'])
  const { paths = {}, cookie = {}, refreshEvery = '10m', unbound = 'allow', origin } = options
  checkOptions(`paths of ${where}`, paths, ['register', 'refresh'])
  checkOptions(`cookie of ${where}`, cookie, ['name'])
  const { register = '/device-bound/register', refresh = '/device-bound/refresh' } = paths
  checkPath('register', register)
  checkPath('refresh', refresh)
  if (register === refresh) throw new ConfigError('deviceBound: paths.register and paths.refresh must be different.')
  const settings: Settings = {
    paths: { register, refresh },
    refreshEvery: refreshOption(refreshEvery),
    toRegister: TO_REGISTER,
    limits: limitsOption(unbound),
    origin: origin === undefined ? null : originOption(origin),
  }
  const { name = '__Host-device' } = cookie
  return {
    bindingFor(facts) {
      checkFacts(facts, name)
      const sameSite = facts.cookie?.sameSite ?? 'lax'
      return createBinding(settings, facts, deviceCookie({ name, sameSite, lives: settings.refreshEvery }, facts))
    },
  }
}

/**
 * Has the browser prove again that it has the key, before its next request: the response removes the cookie that the last proof was good
 * for. Redirect to the same address with status 307, and compare `session.deviceProvedAt` there. Throws `TypeError` for a session that is
 * not bound.
 */
export function proveAgain(session: AnySession): void {
  const state = stateOf(session)
  if (!session.deviceBound)
    throw new TypeError('proveAgain() needs a session that is bound to a device: look at session.deviceBound first.')
  state.assertOpen()
  state.provesAgain = true
}

/**
 * Did the request come with a session that is bound to a device, and without the cookie that a proof gives? The session is an anonymous
 * one then, although the visitor may only have followed a link of another site, for which browsers make no proof. One does when the page
 * loads itself again.
 */
export const awaitsProof = (session: AnySession): boolean => stateOf(session).awaitsProof

function checkPath(name: string, path: unknown): void {
  if (typeof path === 'string' && /^(?:\/[\w.~-]+)+$/.test(path) && !/\/\.{1,2}(?:\/|$)/.test(path)) return
  throw new ConfigError(
    `deviceBound: paths.${name} must be a path as browsers send it, such as '/device-bound/${name}': letters, digits and - . _ ~ between slashes.`,
  )
}

function refreshOption(given: Duration): number {
  const every = milliseconds(given, 'deviceBound: refreshEvery')
  if (every >= LEAST && every <= MOST) return every
  throw new ConfigError(
    "deviceBound: refreshEvery must be from '5m' to '24h'. Browsers make at most six proofs in nine minutes, and renew a cookie two minutes before its end.",
  )
}

function limitsOption(given: NonNullable<DeviceBoundOptions['unbound']>): Settings['limits'] {
  if (given === 'allow') return null
  if (given === 'refuse') return { idle: TO_REGISTER, absolute: TO_REGISTER }
  if (typeof given !== 'object' || given === null)
    throw new ConfigError("deviceBound: unbound must be 'allow', 'refuse' or { idle, absolute }.")
  checkOptions('unbound of deviceBound()', given, ['idle', 'absolute'])
  const idle = milliseconds(given.idle, 'deviceBound: unbound.idle')
  const absolute = milliseconds(given.absolute, 'deviceBound: unbound.absolute')
  if (idle > absolute)
    throw new ConfigError(
      'deviceBound: unbound.idle is longer than unbound.absolute, so no session would ever reach it.',
    )
  return { idle, absolute }
}

function originOption(given: unknown): string {
  if (typeof given === 'string' && given.startsWith('https://') && URL.parse(given)?.origin === given) return given
  throw new ConfigError("deviceBound: origin must be an origin over https, without a path: 'https://shop.example'.")
}

/** Throws `ConfigError` for sessions that cannot be bound. */
function checkFacts({ store, namespace, transport, cookie = {} }: BindingFacts, name: string): void {
  const refuse = (why: string): never => {
    throw new ConfigError(`deviceBound ${why}`)
  }
  if (store === null)
    refuse('needs a store: a session cookie that was copied before the login was bound would stay unbound.')
  if (namespace === null)
    refuse('is not for sessions in the format of another framework, which has no place for a key.')
  if (transport.other)
    refuse('is for sessions in cookies. A native application keeps a key of its own: leave it out with bearer().')
  if (!transport.secure)
    refuse('needs https, and cookie.secure is false: leave it out there. Browsers ignore it over http.')
  if (cookie.domain !== undefined)
    refuse(
      'needs a session cookie of one host: leave out cookie.domain. A browser would not renew its proof for other hosts.',
    )
  if (cookie.path !== undefined && cookie.path !== '/')
    refuse("needs cookie.path '/', or its own paths would not get the cookie.")
  if (cookie.partitioned) refuse('cannot be used with cookie.partitioned: browsers do not bind such cookies.')
  checkCookie({ name, secure: true, sameSite: 'lax', path: '/', domain: undefined, partitioned: false }, true)
  if (!/^__(?:host|secure)-(?!http-)/i.test(name))
    refuse("needs a cookie.name of its own that begins with '__Host-'. Browsers refuse '__Host-Http-' here.")
  if (name === transport.name || name === cookie.formerName)
    refuse('needs a cookie of another name than the session cookie.')
}
