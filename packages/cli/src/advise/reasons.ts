import type { Answers } from './answers.ts'
import type { Candidate } from './candidates.ts'
import type { Cited, Judged } from './evidence.ts'
import { unmet } from './requirements.ts'

/** Why an engine is ruled out, one line each: what the lab shows as broken, and what it cannot be. Empty when it is not. */
export const reasonsAgainst = (candidate: Candidate, { asked }: Judged, answers: Answers): readonly string[] => [
  ...asked.flatMap((cell) => (cell.verdict === 'broken' ? [broken(cell)] : [])),
  ...unmet(candidate, answers),
]

export const broken = ({ title, summary }: Cited) => `broken: ${lower(title)} (${summary})`

export const lower = (title: string) => title.charAt(0).toLowerCase() + title.slice(1)
