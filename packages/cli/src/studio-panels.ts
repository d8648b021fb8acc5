import type { AdvisorPanel, AdvisorQuestion, AdvisorRank, AdvisorResult, DoctorPanel } from '@strongroom/studio'
import { parsers } from './advice/flags.ts'
import {
  type Advice,
  type Answers,
  AnswersError,
  advise,
  answersFrom,
  QUESTIONS,
  type Question,
  type Recommendation,
} from './advise/index.ts'
import { type Diagnosed, diagnose } from './doctor/doctor.ts'
import { messageOf } from './failure.ts'
import type { Report } from './lab/report.ts'

/** Of what is ruled out, and of what comes after the best. */
const SHOWN = 8

/** The advisor of `strongroom advise`, as a form. */
export function advisorPanel(report: Report | null): AdvisorPanel {
  return {
    questions: QUESTIONS.map(questionOf),
    advise(given) {
      const wrong: string[] = []
      const answers = Object.fromEntries(
        QUESTIONS.flatMap((question) => {
          const values = given[question.name] ?? []
          try {
            return values.length > 0 ? [[question.name, answerOf(question, values)]] : []
          } catch (error) {
            wrong.push(`“${question.text}” ${messageOf(error)}`)
            return []
          }
        }),
      )
      return wrong.length > 0 ? { ...NOTHING, wrong } : adviceOn(answers, report)
    },
  }
}

const NOTHING: AdvisorResult = { contradictions: [], ranked: [] }

function adviceOn(answers: Partial<Answers>, report: Report | null): AdvisorResult {
  try {
    const advice = advise(answersFrom(answers), { report })
    const { contradictions, recommended } = advice
    return {
      contradictions: contradictions.map(({ text }) => text),
      ranked: recommended.slice(0, SHOWN).map(rankOf),
      notes: notesOn(advice),
    }
  } catch (error) {
    if (error instanceof AnswersError) return { ...NOTHING, wrong: [error.message] }
    throw error
  }
}

const KINDS = { several: 'many', 'whole number': 'number', number: 'text', duration: 'text' } as const

function questionOf({ name, text, kind, choices, unit }: Question): AdvisorQuestion {
  const usual = answersFrom({})[name]
  const initial = typeof usual === 'number' && kind !== 'duration' ? [String(usual)] : []
  const hint = kind === 'duration' ? 'such as 30m, 12h or 14d' : unit
  return { name, label: text, kind: KINDS[kind], choices, initial, ...(hint !== null && { unit: hint }) }
}

const answerOf = ({ kind }: Question, values: readonly string[]): unknown => {
  const [first = ''] = values
  if (kind === 'several') return values
  return kind === 'duration' ? parsers.duration(first) : parsers.number(first)
}

function rankOf({ name, reason, givenUp, config, sizing }: Recommendation): AdvisorRank {
  return {
    title: name,
    reasons: [reason, ...config.steps, ...(sizing?.next ?? [])],
    givenUp,
    config: config.typescript,
    sizing: sizing?.lines.map(({ what, formula, shown, source }) => ({
      what,
      formula,
      value: shown,
      source: source ?? 'arithmetic',
    })),
  }
}

function notesOn({ recommended, ruledOut, impossible, ifLeftOut, evidence }: Advice): string[] {
  const more = recommended.length - SHOWN
  return [
    evidence
      ? `This rests on the run of the lab of ${evidence.at}, on ${evidence.machine}.`
      : 'No run of the lab is recorded: this rests on what the engines declare of themselves.',
    ...(more > 0 ? [`${more} more would do: strongroom advise --all prints them.`] : []),
    ...(impossible ? [`${impossible.between.join(' and ')}: ${impossible.text}`] : []),
    ...ifLeftOut.map(({ what, first }) => `Without ${what}, ${first} would come first.`),
    ...ruledOut.slice(0, SHOWN).map(({ name, reasons }) => `Ruled out: ${name}, ${reasons[0]}.`),
  ]
}

/** The doctor of `strongroom doctor`, at the store that the studio shows. It visits no site and reads no backup. */
export const doctorPanel = (target: Diagnosed | string, envFile: string | undefined): DoctorPanel => ({
  diagnose: () => diagnose(target, { envFile }),
})
