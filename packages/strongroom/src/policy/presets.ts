import { oneOf } from '../base/check.ts'
import { type Duration, milliseconds } from '../base/duration.ts'

/** Names of presets: the assurance levels of NIST SP 800-63B-4, and the advice of OWASP's session management cheat sheet. */
export type PresetName = 'aal1' | 'aal2' | 'aal3' | 'owasp'

/** An option whose value is another than that of the preset. */
export interface PolicyDeviation {
  readonly option: string
  /** What the preset has; null for no limit, or none. */
  readonly preset: Duration | boolean | null
  /** What was passed; null for no limit, or none. An object is `true`: the option is in use. */
  readonly actual: Duration | boolean | null
  /** Does a session live longer than under the preset, or is it protected by less? */
  readonly weaker: boolean
}

type Value = Duration | boolean | null

/** The value of one option under each preset. Undefined is the option's own default. */
export type PresetRow = Readonly<Record<PresetName, Value | typeof ASKED | undefined>>

/** For an option that a preset asks for and cannot set by itself, because its value has to be imported: a deviation if it is missing. */
export const ASKED = Symbol('asked')

/**
 * By option. NIST SP 800-63B-4, §2.1.3, §2.2.3 and §2.3.3: reauthentication after 30 days, 24 hours and 12 hours at the latest, and after
 * one hour (AAL2) or 15 minutes (AAL3) without activity; §5.1: a session secret of a bearer should not outlive the browser. OWASP: idle 15
 * to 30 minutes where little is at stake, absolute 4 to 8 hours for an application that is used all day in an office; "Renewal Timeout": a
 * new session id from time to time, for which it names no number. §5.1 also prefers secrets that are bound to a key of the device.
 */
export const ROWS: Readonly<Record<string, PresetRow>> = {
  idle: { aal1: null, aal2: '1h', aal3: '15m', owasp: '15m' },
  absolute: { aal1: '30d', aal2: '24h', aal3: '12h', owasp: '8h' },
  remember: { aal1: '30d', aal2: '24h', aal3: '12h', owasp: '8h' },
  expireAtBrowserClose: { aal1: true, aal2: true, aal3: true, owasp: true },
  renewEvery: { aal1: undefined, aal2: '1h', aal3: '15m', owasp: '15m' },
  deviceBound: { aal1: undefined, aal2: undefined, aal3: ASKED, owasp: undefined },
}

/** What needs sessions in a store of ours. */
const IN_STORE: ReadonlySet<string> = new Set(['renewEvery'])

export const PRESETS = ['aal1', 'aal2', 'aal3', 'owasp'] as const satisfies readonly PresetName[]

/** What follows from the option `preset`. */
export interface Preset<Options> {
  readonly name: PresetName | null
  /** The options, with the preset's where none was passed. */
  readonly options: Options
  readonly deviations: readonly PolicyDeviation[]
}

/**
 * Explicit options win. `inStore`: are sessions in a store of ours? What needs one is a deviation elsewhere. Throws `ConfigError` for a
 * preset that there is not, and for a duration that is none.
 */
export function presetOf<Options extends { readonly preset?: PresetName | undefined }>(
  given: Options,
  inStore = true,
  rows = ROWS,
): Preset<Options> {
  if (given.preset === undefined) return { name: null, options: given, deviations: [] }
  const name = oneOf('preset', given.preset, PRESETS)
  const options: Record<string, unknown> = { ...given }
  const deviations: PolicyDeviation[] = []
  for (const [option, row] of Object.entries(rows)) {
    const wanted = row[name]
    if (wanted === undefined) continue
    const passed = options[option]
    const canSet = wanted !== ASKED && (inStore || !IN_STORE.has(option))
    if (passed === undefined && canSet) options[option] = wanted
    else deviations.push(...deviationOf(option, wanted === ASKED ? true : wanted, plainValue(passed)))
  }
  return { name, options: options as Options, deviations }
}

function deviationOf(option: string, preset: Value, actual: Value): readonly PolicyDeviation[] {
  const [before, after] = [weightOf(option, preset), weightOf(option, actual)]
  return before === after ? [] : [{ option, preset, actual, weaker: after > before }]
}

/** What is neither a duration nor a yes or no is the value of an option that is in use. */
export const plainValue = (given: unknown): Value =>
  typeof given === 'number' || typeof given === 'string' || typeof given === 'boolean'
    ? given
    : given == null
      ? null
      : true

/** The more, the weaker. No limit, and no protection, are the most. */
function weightOf(option: string, value: Value): number {
  if (value === true) return 0
  return value === null || value === false ? Number.POSITIVE_INFINITY : milliseconds(value, option)
}
