import { type Answers, answersFrom, QUESTIONS, type Question } from '../advise/index.ts'
import { answerTo, clack } from '../prompts.ts'
import { parsers } from './flags.ts'

/** Asks what the options leave open. */
export async function ask(given: Partial<Answers>): Promise<Partial<Answers>> {
  const { intro, outro } = await clack()
  intro('Which engine for your sessions?')
  const answers: Record<string, unknown> = { ...given }
  for (const question of QUESTIONS) {
    if (answers[question.name] !== undefined || isPointless(question, answers)) continue
    answers[question.name] = question.kind === 'several' ? await chosen(question) : await typed(question)
  }
  // Everybody is what nobody was left out of.
  if (Array.isArray(answers.attackers) && answers.attackers.length === 0) answers.attackers = null
  outro('Thank you.')
  return answers as Partial<Answers>
}

/** What the figures would be of that nobody has given. */
const isPointless = ({ name }: Question, { sessions, requests }: Record<string, unknown>) =>
  ['logins', 'writes', 'cores', 'memory'].includes(name) && (sessions ?? null) === null && (requests ?? null) === null

async function chosen({ text, choices, name, optional }: Question): Promise<string[]> {
  const { multiselect } = await clack()
  // Leaving someone out is what has to be done on purpose.
  const initialValues = name === 'attackers' ? choices.map(({ value }) => value) : []
  return answerTo(multiselect({ message: text, options: [...choices], initialValues, required: !optional }))
}

async function typed({ text, kind, name, unit, optional }: Question): Promise<number | null> {
  const { text: prompt } = await clack()
  const parse = { 'whole number': parsers.whole, number: parsers.number, duration: parsers.duration }[kind as 'number']
  const usual = answersFrom({})[name]
  const initialValue = kind === 'duration' ? { lifetime: '12h', idle: '30m' }[name as 'idle'] : `${usual ?? ''}`
  const answer = await answerTo(
    prompt({
      message: `${text}${unit ? ` (${unit})` : ''}`,
      placeholder: optional && usual === null ? 'Enter: not known' : '',
      initialValue: initialValue ?? '',
      validate: (value) => {
        if (!value) return optional ? undefined : 'A number, please.'
        return problemWith(name, value, parse)
      },
    }),
  )
  return answer === '' || answer === undefined ? null : parse(answer)
}

function problemWith(name: keyof Answers, value: string, parse: (text: string) => number): string | undefined {
  try {
    answersFrom({ [name]: parse(value) })
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
