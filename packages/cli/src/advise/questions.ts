import { PROPERTIES, type Property } from '../lab/report.ts'
import { type Answers, BACKENDS } from './answers.ts'
import { ATTACKERS } from './attackers.ts'
import { TITLES } from './config.ts'
import { NEEDS } from './needs.ts'

/** One of the answers that a question offers. */
export interface Choice {
  readonly value: string
  readonly label: string
}

/** One question, as data: the command asks it on a terminal, and a page can make a field of it. */
export interface Question {
  readonly name: keyof Answers
  readonly text: string
  /** Several of the choices, a whole number, a number, or a duration such as "12h". */
  readonly kind: 'several' | 'whole number' | 'number' | 'duration'
  /** For `several`. */
  readonly choices: readonly Choice[]
  /** What the numbers count. */
  readonly unit: string | null
  /** May it stay without an answer? */
  readonly optional: boolean
}

/** Properties in people's words. */
const TITLES_OF: Readonly<Record<Property, string>> = {
  durable: 'it loses nothing: not in a crash, not in a power cut',
  'private on the server': "it hides data from anyone who reads the server's disk or a backup",
  'private in the browser': "it hides data from anyone who reads the user's computer",
  integrity: 'it cannot be tampered with',
  final: 'a logout is final, and so is "log out everywhere"',
  forgets: 'data of people who left goes away',
  shared: 'any number of servers share the sessions',
}

const several = (name: keyof Answers, text: string, choices: readonly Choice[], optional = true): Question => ({
  ...{ name, text, kind: 'several', choices, unit: null, optional },
})
const count = (name: keyof Answers, text: string, unit: string | null, optional = false): Question => ({
  ...{ name, text, kind: optional ? 'number' : 'whole number', choices: [], unit, optional },
})
const duration = (name: keyof Answers, text: string): Question => ({
  ...{ name, text, kind: 'duration', choices: [], unit: null, optional: false },
})

/** All questions of the advisor, in the order in which they are asked. */
export const QUESTIONS: readonly Question[] = [
  several(
    'properties',
    'What must the engine give?',
    PROPERTIES.map((value) => ({ value, label: TITLES_OF[value] })),
    false,
  ),
  several(
    'attackers',
    'Against someone who …',
    Object.entries(ATTACKERS).map(([value, { does }]) => ({ value, label: does })),
  ),
  several(
    'needs',
    'What else?',
    Object.entries(NEEDS).map(([value, { title }]) => ({ value, label: title })),
  ),
  several(
    'have',
    'What is there already?',
    BACKENDS.map((value) => ({ value, label: TITLES[value] })),
  ),
  count('servers', 'How many servers run the application?', 'servers'),
  count('processes', 'How many processes on each?', 'processes'),
  count('bytes', 'How large does a session get, as JSON?', 'bytes'),
  duration('lifetime', 'How long does a session live at most?'),
  duration('idle', 'And unused?'),
  count('sessions', 'How many sessions at a time?', null, true),
  count('requests', 'How many requests a second use their session?', 'a second', true),
  count('logins', 'How many logins a second?', 'a second', true),
  count('writes', 'How many in a hundred requests change the session?', '%', true),
  count('cores', 'How many processors has the server of the sessions?', 'processors', true),
  count('memory', 'How much memory has it?', 'GB', true),
]
