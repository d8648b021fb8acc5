import { ConfigError } from 'strongroom'
import type { Figures } from 'strongroom/figures'

/**
 * What the studio can show beside the sessions. Each panel is a shape, so that the studio depends on none of the programs that fill
 * it: `strongroom studio` passes in the lab, the advisor and the doctor of `@strongroom/cli`, and an application passes in what it likes.
 */
export interface Panels {
  /** What `figures(sessions)` of strongroom collects. */
  readonly figures?: FiguresPanel | undefined
  /** A report of `strongroom lab --json`. */
  readonly lab?: LabReport | undefined
  readonly advisor?: AdvisorPanel | undefined
  readonly doctor?: DoctorPanel | undefined
}

export const PANELS = ['figures', 'lab', 'advisor', 'doctor'] as const satisfies readonly (keyof Panels)[]

const has = (value: object, name: string, is: (member: unknown) => boolean) =>
  is((value as Readonly<Record<string, unknown>>)[name])
const isFunction = (value: unknown) => typeof value === 'function'

const SHAPES: Readonly<Record<keyof Panels, readonly [is: (value: object) => boolean, what: string]>> = {
  figures: [(value) => has(value, 'snapshot', isFunction), 'what figures(sessions) of strongroom/figures returns'],
  lab: [
    (value) => ['rows', 'attacks', 'cells'].every((name) => has(value, name, Array.isArray)),
    'what strongroom lab --json has printed, parsed: JSON.parse(readFileSync("lab.json", "utf8"))',
  ],
  advisor: [
    (value) => has(value, 'questions', Array.isArray) && has(value, 'advise', isFunction),
    'an object with questions and advise()',
  ],
  doctor: [(value) => has(value, 'diagnose', isFunction), 'an object with diagnose()'],
}

/** A panel of another shape would be a page that fails, weeks later. */
export function checkPanels(where: string, panels: Panels): void {
  for (const name of PANELS) {
    const [is, what] = SHAPES[name]
    const value: unknown = panels[name]
    if (value === undefined || (typeof value === 'object' && value !== null && is(value))) continue
    throw new ConfigError(`${where}: ${name} must be ${what}.`)
  }
}

// Figures: what figures(sessions) of strongroom returns

/** The figures to show: what `figures(sessions)` of `strongroom/figures` returns. */
export type FiguresPanel = Pick<Figures, 'snapshot'>

// Lab: the shape of `strongroom lab --json`

/** How an attack ended. */
export type LabVerdict = 'held' | 'broken' | 'not applicable' | 'not run'

/** What `strongroom lab --json` prints. */
export interface LabReport {
  readonly format: 1
  readonly at: string
  readonly machine: string
  readonly thorough: boolean
  readonly rows: readonly LabRow[]
  readonly attacks: readonly LabAttack[]
  readonly cells: readonly LabCell[]
}

/** What the lab attacks: an engine under a seal, or another library. */
export interface LabRow {
  readonly name: string
  readonly family: 'strongroom' | 'peer' | 'django'
  readonly engine: string
  readonly seal: string | null
  readonly version: string | null
}

/** An attack of the lab. */
export interface LabAttack {
  readonly name: string
  readonly title: string
  readonly property: string
  readonly attacker: string
  readonly how: string
  readonly docs: string
}

/** How an attack on an engine ended. */
export interface LabCell {
  readonly row: string
  readonly attack: string
  readonly verdict: LabVerdict
  readonly promised: boolean
  readonly summary: string
  readonly evidence: readonly { readonly what: string; readonly value: string }[]
  readonly ms: number
}

// Advisor: questions as data, and an answer to print

/** The questions of the advisor, and what answers them: `questions` and `advise` of `@strongroom/cli/advise`. */
export interface AdvisorPanel {
  readonly questions: readonly AdvisorQuestion[]
  /** The names of questions → what was chosen or entered; a question without an answer is left out. */
  advise(answers: Readonly<Record<string, readonly string[]>>): AdvisorResult | Promise<AdvisorResult>
}

/** A question, of which the page makes a field. */
export interface AdvisorQuestion {
  readonly name: string
  readonly label: string
  readonly help?: string | undefined
  readonly kind: 'one' | 'many' | 'number' | 'text'
  /** For `one` and `many`. */
  readonly choices?: readonly AdvisorChoice[] | undefined
  /** What is chosen when the form opens. */
  readonly initial?: readonly string[] | undefined
  /** For `number` and `text`: "sessions", "a second"; "such as 12h". */
  readonly unit?: string | undefined
}

/** One of the answers that a question offers. */
export interface AdvisorChoice {
  readonly value: string
  readonly label: string
  readonly hint?: string | undefined
}

/** What the advisor says. */
export interface AdvisorResult {
  /** Answers that cannot all be satisfied, a sentence each. */
  readonly contradictions: readonly string[]
  /** The best first. */
  readonly ranked: readonly AdvisorRank[]
  /** What else there is to know, a sentence each: what was ruled out, and on which run of the lab this rests. */
  readonly notes?: readonly string[] | undefined
  /** Answers that cannot be used, a sentence each. Nothing is recommended then. */
  readonly wrong?: readonly string[] | undefined
}

/** An engine that gives what was asked for. */
export interface AdvisorRank {
  /** "postgres, two-key". */
  readonly title: string
  readonly reasons: readonly string[]
  readonly givenUp: readonly string[]
  /** A configuration that works, to copy. */
  readonly config?: string | undefined
  /** How large it gets, line by line. */
  readonly sizing?: readonly AdvisorLine[] | undefined
}

/** "memory = 1,000,000 × 420 bytes = 400 MB", with where the figures come from. */
export interface AdvisorLine {
  readonly what: string
  readonly formula: string
  readonly value: string
  readonly source: string
}

// Doctor: the shape of `strongroom doctor --json`

/** What the page of the doctor calls, at each visit. */
export interface DoctorPanel {
  diagnose(): Promise<DoctorDiagnosis>
}

/** What `strongroom doctor --json` prints. */
export interface DoctorDiagnosis {
  readonly format: 1
  /** ISO 8601. */
  readonly at: string
  readonly checks: readonly DoctorCheck[]
}

/** One finding of the doctor. */
export interface DoctorCheck {
  readonly name: string
  readonly about: string
  /** `unknown`: it could not be checked, and `what` says why. Never shown as green. */
  readonly level: 'green' | 'amber' | 'red' | 'unknown'
  readonly what: string
  /** The line or the setting to change; null when there is nothing to mend. */
  readonly mend: string | null
  readonly docs: string
}
