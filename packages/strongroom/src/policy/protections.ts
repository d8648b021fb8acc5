import type { BindingPolicy, RenewalPolicy, SessionsContext } from '../context.ts'
import { lengthOf } from './format.ts'

/** A row of a table about what is so, and is no limit. */
export type Answer = readonly [source: string, question: string, answer: string]

/** What is switched on against stolen and guessed tokens, beside renewal by time, whose facts `RenewalPolicy` has. */
export interface Protections {
  /** Of sessions that are bound to a device, in ms; missing without the option `deviceBound`. */
  readonly deviceBound?: BindingPolicy
  /** What the option `signals` does; missing without it. */
  readonly signals?: {
    /** Is the network compared, too? It needs the option `address`. */
    readonly network: boolean
    /** Does the application decide what follows a change, by `onSignal`? */
    readonly decides: boolean
  }
  /** What the option `guessing` does; missing without it. */
  readonly guessing?: {
    /** Are requests held back, by `slowDown`? */
    readonly slowsDown: boolean
  }
  /** The header Clear-Site-Data of a logout that says nothing of it, from the option `clearSiteData`; missing without one. */
  readonly clearSiteData?: string
}

/** Of the options, checked, what no fact says. */
interface Options {
  readonly signals?: { readonly onSignal?: unknown }
  readonly guessing?: { readonly slowDown?: unknown }
}

export function protectionsOf(
  { binding, signals, addresses, guessing, signIn }: SessionsContext,
  options: Options,
): Protections {
  const clearSiteData = signIn.siteDataOf(undefined)
  return {
    ...(binding && { deviceBound: binding.facts }),
    ...(signals?.check && {
      signals: { network: (addresses?.of ?? null) !== null, decides: options.signals?.onSignal !== undefined },
    }),
    ...(guessing && { guessing: { slowsDown: options.guessing?.slowDown !== undefined } }),
    ...(clearSiteData !== null && { clearSiteData }),
  }
}

/** The same for people: each switch has a row, whether it is on or off. */
export function protectionAnswers(
  { renewal, anonymous }: SessionsContext,
  { deviceBound, signals, guessing, clearSiteData }: Protections,
): readonly Answer[] {
  const { perMinute = null } = anonymous?.facts ?? {}
  return [
    ...renewed(renewal?.facts ?? null),
    [
      'NIST 5.1',
      'a copy of a cookie, on another device',
      deviceBound
        ? `works for ${lengthOf(deviceBound.refreshEvery)} at most, where the browser binds the session to its device`
        : 'works until the session ends',
    ],
    ['NIST 5.3', 'a session that is used from elsewhere', signals ? seen(signals) : 'is not noticed'],
    [
      'OWASP',
      'a network that tries many tokens',
      guessing ? `is reported${guessing.slowsDown ? ', and slowed down' : ''}` : 'is not noticed',
    ],
    [
      'ASVS 15.2.2',
      'new sessions that nobody has signed in to',
      perMinute === null ? 'no limit' : `${perMinute} a minute at most, by each process`,
    ],
    [
      'ASVS 14.3.1',
      'what browsers clear at a logout',
      clearSiteData ?? 'the cookie, and nothing else unless the logout says so',
    ],
  ]
}

function renewed(renewal: RenewalPolicy | null): readonly Answer[] {
  const question = 'tokens in use are renewed by time'
  if (renewal === null) return [['OWASP', question, 'no']]
  const { every, grace, onReuse } = renewal
  return [
    [
      'OWASP',
      question,
      `after ${lengthOf(every)}; then the old one works for ${lengthOf(grace)} after the new one was used`,
    ],
    ['OWASP', 'an old token that comes back later', `is reported${onReuse === 'end' ? ', and ends the session' : ''}`],
  ]
}

function seen({ network, decides }: NonNullable<Protections['signals']>): string {
  const what = network ? 'another browser, or another network' : 'another browser'
  return `is reported (${what})${decides ? '; onSignal of the application decides what follows' : ''}`
}
