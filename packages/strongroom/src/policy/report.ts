import type { Policy, RenewalPolicy, SessionsContext } from '../context.ts'
import type { CipherName } from '../crypto/primitives.ts'
import type { Store } from '../store.ts'
import { lengthOf, markdownTable } from './format.ts'
import { ASKED, type PolicyDeviation, type Preset, type PresetName, plainValue, ROWS } from './presets.ts'
import { type Answer, type Protections, protectionAnswers, protectionsOf } from './protections.ts'

/** What is known of a policy, beside its plain facts. */
export interface PolicyReport extends Protections {
  /** The option `preset`; null without it. */
  readonly preset: PresetName | null
  /** Options that were passed although the preset has another value; empty without a preset. */
  readonly deviations: readonly PolicyDeviation[]
  /**
   * The policy as three Markdown tables that can be read as they are: what ASVS 5.0 §7.1 asks to be documented, what else auditors ask
   * for, and what is switched on against stolen tokens. Contains no secret. Throws `UnsupportedError` in a Worker, unless createSessions
   * comes from 'strongroom/stores'.
   */
  table(): string
}

/** What the report is made of, beside the context. */
export interface Reported {
  readonly stated: Preset<Readonly<Record<string, unknown>>>
  readonly sealName: string
  readonly aead: { readonly cipher: CipherName }
  /** Where sessions are; null if they are in their cookies. */
  readonly store: Store | null
  /** The same, or where the ends of those in cookies are; null for nothing on the server. */
  readonly swept: Store | null
}

export function policyReport(context: SessionsContext, reported: Reported): PolicyReport {
  const { name, deviations, options } = reported.stated
  const protections = protectionsOf(context, options)
  return { ...protections, preset: name, deviations, table: () => tableOf(context, reported, protections) }
}

function tableOf(context: SessionsContext, reported: Reported, protections: Protections): string {
  const { name } = reported.stated
  const limits = markdownTable(
    ['ASVS 5.0', 'limit', 'here', ...(name === null ? [] : [`preset ${name}`])],
    limitsOf(context, reported, protections).map(({ id, limit, here, preset }) => [
      id,
      limit,
      here,
      ...(name === null ? [] : [preset]),
    ]),
  )
  const others = markdownTable(
    ['ASVS 5.0', 'question', 'answer'],
    [...cookieOf(context, reported), ...endsOf(context), ...storedOf(context, reported)],
  )
  const switches = markdownTable(['source', 'against stolen tokens', 'here'], protectionAnswers(context, protections))
  return `${limits}\n${others}\n${switches}`
}

interface Limit {
  readonly id: string
  readonly limit: string
  readonly here: string
  readonly preset: string
}

/** Sessions that do not live as long as others. */
interface Kinds extends Pick<Protections, 'deviceBound'> {
  readonly renewal: RenewalPolicy | null
}

/** How long a session lives, written out, by the option that says so. Of other options that presets have, the value is shown as it is. */
const LIFETIMES: Readonly<Record<string, (policy: Policy, kinds: Kinds) => Pick<Limit, 'limit' | 'here'>>> = {
  idle: ({ idle }) => ({ limit: 'without use, a session ends after', here: idle === 0 ? 'no limit' : lengthOf(idle) }),
  absolute: ({ absolute }) => ({ limit: 'in all, a session ends after', here: lengthOf(absolute) }),
  remember: ({ remember, rememberIdle }) => ({
    limit: 'a session whose login said remember: true ends after',
    here: lifeOf({ absolute: remember, idle: rememberIdle }),
  }),
  expireAtBrowserClose: ({ persistent }) => ({
    limit: 'when the browser closes',
    here: persistent ? 'the cookie stays' : 'the cookie ends, unless the login said remember',
  }),
  renewEvery: (_, { renewal }) => ({
    limit: 'a token in use is renewed after',
    here: renewal ? lengthOf(renewal.every) : 'no time: by logins and session.renew() alone',
  }),
  deviceBound: (_, { deviceBound }) => ({
    limit: 'a session is bound to a device',
    here: deviceBound ? 'yes, by each login in a browser that can' : 'no',
  }),
}

const lifeOf = ({ absolute, idle }: Pick<Policy, 'absolute' | 'idle'>) =>
  `${lengthOf(absolute)}, ${idle === 0 || idle >= absolute ? 'however little it is used' : `or ${lengthOf(idle)} without use`}`

/** Sessions that do not live as long as others, where the options say so. */
function exceptions({ anonymous }: SessionsContext, { deviceBound }: Protections): readonly Limit[] {
  const row = (limit: string, here: string): Limit => ({ id: '7.1.1', limit, here, preset: 'not said' })
  const unbound = deviceBound?.unbound
  return [
    ...(anonymous ? [row('a session that nobody has signed in to ends after', lifeOf(anonymous.policy))] : []),
    ...(deviceBound
      ? [
          row(
            'a session of a user that is not bound to a device ends after',
            unbound ? `at most ${lifeOf(unbound)}` : 'the same time as others',
          ),
        ]
      : []),
  ]
}

function limitsOf(context: SessionsContext, { stated }: Reported, protections: Protections): readonly Limit[] {
  const { policy, backing, userLimit, renewal } = context
  const canLimit = userLimit !== null && backing.users.beginTurn !== undefined
  const kinds: Kinds = { ...protections, renewal: renewal?.facts ?? null }
  const lifetimes = Object.keys(ROWS).map((option) => ({
    id: '7.1.1',
    ...(LIFETIMES[option]?.(policy, kinds) ?? { limit: option, here: said(plainValue(stated.options[option])) }),
    preset: byPreset(stated, option),
  }))
  return [
    ...lifetimes,
    ...exceptions(context, protections),
    {
      id: '7.1.1',
      limit: 'for one session',
      here: 'login(id, { remember }) and setExpiry() of the application can say otherwise',
      preset: 'not said',
    },
    {
      id: '7.1.2',
      limit: 'parallel sessions of a user',
      here: canLimit
        ? 'no limit, unless a login says limit: then the oldest ends, or the login is refused (atLimit)'
        : 'no limit: this engine cannot count them',
      preset: 'not said',
    },
    {
      id: '7.1.3',
      limit: 'with single sign-on',
      here: 'a session ends by the limits above; the application ends it when the identity provider says so',
      preset: 'not said',
    },
  ]
}

function byPreset({ name, deviations }: Reported['stated'], option: string): string {
  const wanted = name === null ? undefined : ROWS[option]?.[name]
  if (wanted === undefined) return 'not said'
  const found = deviations.find((one) => one.option === option)
  // That the option is in use is all that a preset asks for: there is nothing to be the same as.
  if (!found) return wanted === ASKED ? 'asked for' : 'the same'
  return `${said(found.preset)}: ${found.weaker ? 'WEAKER here' : 'stricter here'}`
}

function said(value: PolicyDeviation['actual']): string {
  if (value === null) return 'none'
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value)
}

function cookieOf({ transport, namespace }: SessionsContext, reported: Reported): readonly Answer[] {
  const content: Answer = ['7.2.3', 'what is in it', inToken(namespace, reported)]
  if (transport.other)
    return [['3.3', 'how the token comes', `in the header Authorization; its namespace is ${namespace}`], content]
  const [, ...attributes] = transport.set('').split(/;\s*/)
  return [
    ['3.3.1, 3.3.3', 'name of the cookie', transport.name],
    ['3.3.1 to 3.3.4', 'its attributes', attributes.join('; ')],
    content,
  ]
}

function inToken(namespace: string | null, { store, sealName }: Reported): string {
  if (namespace === null) return FOREIGN
  if (store) return 'random bytes, new after each login'
  return sealName === 'signed' ? 'the session itself: NOT sealed, it can be read' : 'the session itself, sealed'
}

const FOREIGN = 'as the other framework has it'

function endsOf({ backing, stamps }: SessionsContext): readonly Answer[] {
  const { traits, users } = backing
  const all = users.endAll ? 'revokeAll(), revokeOthers()' : 'nothing but new secrets: this engine cannot end them'
  const one = users.endOne ? 'revoke(handle)' : 'nothing: this engine cannot find it'
  return [
    ['7.2.4', 'what ends a session at a login', 'a login of another user; the same user gets a new token'],
    [
      '7.4.1',
      'is a logout final?',
      traits.revocable
        ? 'yes: it ends the session on the server'
        : 'NO: the cookie is removed, and a copy of it works until its deadline',
    ],
    [
      '7.4.2, 7.4.3',
      'what ends all sessions of a user',
      stamps || backing.stampsLogins ? `${all}; a change of the credential` : all,
    ],
    ['7.4.5, 7.5.2', 'what ends one session of a user', one],
    ['7.4.5', 'what ends every session', 'new secrets: revokeEverybody()'],
  ]
}

const DURABLE = { no: 'a restart ends it', process: 'survives a restart', machine: 'survives a power cut' } as const

function storedOf(
  { backing, namespace }: SessionsContext,
  { sealName, aead, store, swept }: Reported,
): readonly Answer[] {
  const { engine, durable } = backing.traits
  const isSealed = sealName !== 'none' && sealName !== 'signed'
  return [
    ['14.1.1', 'where a session is', store ? `${engine}: ${DURABLE[durable]}` : `${engine}: in the browser`],
    [
      '14.1.2',
      'the data of a session',
      isSealed ? `sealed (${sealName}) with ${aead.cipher}` : 'NOT sealed: they can be read as they are',
    ],
    ['14.1.2', 'beside it, not sealed', namespace === null ? FOREIGN : beside(store, swept)],
  ]
}

function beside(store: Store | null, swept: Store | null): string {
  if (store) return 'a hash as its id, a keyed hash of the user id, its deadline, its size'
  return swept ? 'which sessions have ended, by hashes' : 'nothing is on the server'
}
