import type { Finding } from './attack.ts'
import type { Evidence } from './report.ts'

/** Longer values would hide the others of a page. */
const LONGEST = 200

export const seen = (what: string, value: string | number | readonly (string | number)[]): Evidence => {
  const printed = Array.isArray(value) ? value.join(', ') : String(value)
  return { what, value: printed.length > LONGEST ? `${printed.slice(0, LONGEST - 1)}…` : printed }
}

/** The beginning of a token, so that two can be told apart, and nothing can be done with what is printed. */
export const shortened = (token: string): string =>
  token.length > 12 ? `${token.slice(0, 8)}… (${token.length} characters)` : `${token.length} characters`

export const held = (summary: string, evidence: readonly Evidence[]): Finding => finding('held', summary, evidence)

export const broken = (summary: string, evidence: readonly Evidence[]): Finding => finding('broken', summary, evidence)

/** There is nothing to attack; `summary` says why. */
export const notApplicable = (summary: string, evidence: readonly Evidence[] = []): Finding => ({
  verdict: 'not applicable',
  summary,
  evidence,
})

function finding(verdict: 'held' | 'broken', summary: string, evidence: readonly Evidence[]): Finding {
  if (evidence.length === 0) throw new Error(`An attack says that it is ${verdict}, and does not say what it saw.`)
  return { verdict, summary, evidence: evidence.map(({ what, value }) => seen(what, withoutTokens(value))) }
}

/** Evidence is printed and published. What is as long as a token or an id is cut, wherever it came from. */
const withoutTokens = (value: string): string => value.replace(/[A-Za-z0-9_+/=-]{43,}/g, shortened)
