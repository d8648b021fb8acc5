import { type Answers, answersFrom } from './answers.ts'
import { durationOf } from './duration.ts'

const LISTS = { properties: '--property', attackers: '--against', needs: '--need' } as const
const COUNTS = ['servers', 'processes', 'bytes', 'sessions', 'requests', 'logins', 'writes', 'cores', 'memory'] as const

/** The command that asks the same question again, without what is the default. */
export function commandFor(answers: Answers): string {
  const usual = answersFrom({})
  const words = Object.entries(LISTS).flatMap(([name, option]) => {
    const list = answers[name as keyof typeof LISTS]
    return list === null || list.length === 0 ? [] : [option, list.map(flagOf).join(',')]
  })
  if (answers.have.length > 0)
    words.push(
      '--have',
      answers.have.map((name) => (answers.urls[name] ? `${name}=${quoted(answers.urls[name])}` : name)).join(','),
    )
  for (const name of COUNTS) if (answers[name] !== usual[name]) words.push(`--${name}`, `${answers[name]}`)
  for (const name of ['lifetime', 'idle'] as const)
    if (answers[name] !== usual[name]) words.push(`--${name}`, durationOf(answers[name]))
  return ['npx @strongroom/cli advise', ...words].join(' ')
}

/** "private on the server" as a word: private-on-server. */
export const flagOf = (name: string): string => name.replace(' the ', ' ').replaceAll(' ', '-')

/** For a shell. A comma would end the entry, so that such a URL is named by a variable. */
const quoted = (url: string) => (/^[\w:/.@+-]+$/.test(url) ? url : 'env:NAME')
