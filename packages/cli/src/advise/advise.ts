import type { Answers, Backend } from './answers.ts'
import { ATTACKERS, type AttackerName, attackerOf } from './attackers.ts'
import { type Candidate, candidatesFor } from './candidates.ts'
import { type Configuration, configurationOf, TITLES } from './config.ts'
import { type Contradiction, contradictionsIn } from './contradictions.ts'
import { type Cited, type Evidence, type Indexed, indexed, type Judged, judge } from './evidence.ts'
import { impossibleIn } from './impossible.ts'
import { broken, lower, reasonsAgainst } from './reasons.ts'
import { losses } from './requirements.ts'
import { type Sizing, sizingFor } from './sizing.ts'

/** An engine that gives what was asked for, with a configuration and what it needs. */
export interface Recommendation {
  /** Unique: "memory over postgres, two-key". */
  readonly name: string
  readonly engine: string
  readonly seal: Candidate['seal']
  /** One line: what speaks for it, by the lab or by what it declares of itself. */
  readonly reason: string
  /** The cells of the lab that the reason rests on: held, not applicable, or not run. */
  readonly cells: readonly Cited[]
  /** What was asked for and the lab did not run, so that nothing is claimed about it. */
  readonly unknown: readonly Cited[]
  /** One line each. */
  readonly givenUp: readonly string[]
  readonly config: Configuration
  /** Null where the answers say nothing about the load. */
  readonly sizing: Sizing | null
  /** The servers that it needs. */
  readonly backends: readonly Backend[]
  readonly docs: string
}

/** An engine that does not give what was asked for, and why. */
export interface RuledOut {
  readonly name: string
  readonly engine: string
  readonly seal: Candidate['seal']
  /** One line each: what the lab shows as broken, or what the engine cannot be. */
  readonly reasons: readonly string[]
}

/** The result of `advise`. */
export interface Advice {
  readonly recommended: readonly Recommendation[]
  readonly ruledOut: readonly RuledOut[]
  readonly contradictions: readonly Contradiction[]
  /** Where nothing is left: a smallest set of the answers that no engine gives. Null otherwise. */
  readonly impossible: Contradiction | null
  /**
   * Where nothing is left, or nothing that outlives its process: what would have to be left out of the question, and what would then
   * come first.
   */
  readonly ifLeftOut: readonly { readonly what: string; readonly first: string }[]
  /** What the lab's report is: when, and on which machine. Null where there is none. */
  readonly evidence: { readonly at: string; readonly machine: string } | null
}

/**
 * What to run. Nothing is recommended that the lab shows as broken for a property that matters, by anyone who was not left out, or
 * that cannot be what was asked for. What the lab did not run is never taken for held: it ranks below what did hold.
 */
export function advise(answers: Answers, evidence: Evidence): Advice {
  const found = indexed(evidence)
  const { recommended, ruledOut } = ranked(answers, found)
  const { report } = evidence
  return {
    recommended: recommended.map((each) => recommendation(each, answers, evidence)),
    ruledOut,
    contradictions: contradictionsIn(answers),
    impossible: recommended.length > 0 ? null : impossibleIn(answers, found),
    ifLeftOut: ifLeftOut(answers, found, recommended),
    evidence: report && { at: report.at, machine: report.machine },
  }
}

interface Ranked extends Judged {
  readonly candidate: Candidate
  readonly unknown: readonly Cited[]
  readonly sizing: Sizing | null
  readonly givenUp: readonly string[]
}

function ranked(answers: Answers, evidence: Indexed | null) {
  const recommended: Ranked[] = []
  const ruledOut: RuledOut[] = []
  for (const candidate of candidatesFor(answers)) {
    const judged = judge(candidate, answers, evidence)
    const reasons = reasonsAgainst(candidate, judged, answers)
    const { name, engine, seal } = candidate
    if (reasons.length > 0) ruledOut.push({ name, engine, seal, reasons })
    else recommended.push(rankedOf(candidate, judged, answers))
  }
  // The order of the candidates decides what nothing else does: sorting is stable.
  recommended.sort((a, b) => compare(rank(a, answers), rank(b, answers)))
  return { recommended, ruledOut: ruledOut.toSorted((a, b) => a.reasons.length - b.reasons.length) }
}

function rankedOf(candidate: Candidate, judged: Judged, answers: Answers): Ranked {
  const unknown = judged.asked.filter(({ verdict }) => verdict === 'not run')
  const givenUp = losses(candidate, answers)
  return { ...judged, candidate, unknown, givenUp, sizing: sizingFor(candidate, answers) }
}

/** The smaller, the better; the first that differs decides. */
function rank({ candidate, unknown, sizing, givenUp, elsewhere }: Ranked, { have }: Answers): readonly number[] {
  const { shape, backends } = candidate
  return [
    sizing?.enough === false ? (sizing.spreads ? 1 : 2) : 0,
    unknown.length,
    backends.filter((name) => !have.includes(name)).length,
    givenUp.length,
    elsewhere.length,
    // Whatever is there has to be run, watched and upgraded.
    shape.kind === 'store' || (shape.kind === 'cookie' && shape.revocations === null) ? 0 : 1,
  ]
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index])
  return at < 0 ? 0 : (a[at] as number) - (b[at] as number)
}

function recommendation(found: Ranked, answers: Answers, { report }: Evidence): Recommendation {
  const { candidate, asked, unknown, sizing, elsewhere } = found
  const cells = asked.filter(({ verdict }) => verdict !== 'broken')
  const missing = candidate.backends.filter((name) => !answers.have.includes(name))
  return {
    ...{
      name: candidate.name,
      engine: candidate.engine,
      seal: candidate.seal,
      docs: candidate.docs,
      backends: candidate.backends,
      cells,
      unknown,
      sizing,
    },
    reason: [evidenceText(cells, report !== null), declaredText(candidate, answers), load(sizing)]
      .filter(Boolean)
      .join('; '),
    givenUp: [
      ...(sizing?.enough === false ? ['one server is not enough for this load'] : []),
      ...missing.map((name) => `${TITLES[name]} has to be run, and is not there yet`),
      ...found.givenUp,
      ...elsewhere.map((cell) => `${broken(cell)}${leftOut(cell, answers, report)}`),
    ],
    config: configurationOf(candidate, answers),
  }
}

/** Why a broken cell does not count: the property does not matter, or nobody who matters can do it. */
function leftOut({ attack }: Cited, { properties, attackers }: Answers, report: Evidence['report']): string {
  const found = report?.attacks.find(({ name }) => name === attack)
  if (!found || !properties.includes(found.property) || attackers === null) return ''
  const by = attackerOf(found)
  return by === null ? '' : `, by someone who ${ATTACKERS[by].does}, whom you left out`
}

/** So many titles make a line that can be read. */
const NAMED = 2

function evidenceText(cells: readonly Cited[], hasReport: boolean): string {
  if (!hasReport) return 'no lab run is recorded: this is what it declares'
  const held = cells.filter(({ verdict }) => verdict === 'held')
  const unknown = cells.filter(({ verdict }) => verdict === 'not run')
  const none = cells.filter(({ verdict }) => verdict === 'not applicable')
  const named = held.slice(0, NAMED).map(({ title }) => lower(title))
  const more = held.length > NAMED ? ` and ${held.length - NAMED} more` : ''
  return [
    held.length > 0 ? `held: ${named.join(', ')}${more}` : '',
    none.length > 0 ? `${none.length} not applicable` : '',
    unknown.length > 0
      ? `NOT RUN: ${lower(unknown[0]?.title ?? '')}${unknown.length > 1 ? ` and ${unknown.length - 1} more` : ''}`
      : '',
  ]
    .filter(Boolean)
    .join('; ')
}

const DURABLE = { machine: 'survives a power cut', process: 'survives a crash of its server', no: '' } as const
const SHARED = { network: 'any number of servers', machine: 'one machine', process: 'one process' } as const

function declaredText({ declared, backends }: Candidate, { have }: Answers): string {
  const there = backends.filter((name) => have.includes(name)).map((name) => TITLES[name])
  return [
    there.length > 0 ? `${there.join(' and ')} ${there.length > 1 ? 'are' : 'is'} there` : '',
    `declares: ${[DURABLE[declared.durable], SHARED[declared.shared]].filter(Boolean).join(', ')}`,
  ]
    .filter(Boolean)
    .join('; ')
}

const load = (sizing: Sizing | null) => (sizing?.enough === false ? 'too much for one server' : '')

/** Nobody who asks for sessions that cannot be rolled back means those that a restart forgets. */
const isForgetful = ({ candidate: { shape, declared } }: Ranked) => shape.kind !== 'cookie' && declared.durable === 'no'

/** One attacker, property or need less, where that leaves something better to recommend. */
function ifLeftOut(answers: Answers, evidence: Indexed | null, recommended: readonly Ranked[]): Advice['ifLeftOut'] {
  if (!recommended.every(isForgetful)) return []
  const { properties, needs, attackers } = answers
  const others = attackers ?? (Object.keys(ATTACKERS) as AttackerName[])
  const without = <T>(list: readonly T[], each: T) => list.filter((one) => one !== each)
  const tries: readonly (readonly [string, Partial<Answers>])[] = [
    ...others.map(
      (name) => [`someone who ${ATTACKERS[name].does} (${name})`, { attackers: without(others, name) }] as const,
    ),
    ...properties.map((name) => [`"${name}"`, { properties: without(properties, name) }] as const),
    ...needs.map((name) => [`"${name}"`, { needs: without(needs, name) }] as const),
  ]
  return tries.flatMap(([what, change]) => {
    const [first] = ranked({ ...answers, ...change }, evidence).recommended
    return first && (recommended.length === 0 || !isForgetful(first)) ? [{ what, first: first.candidate.name }] : []
  })
}
