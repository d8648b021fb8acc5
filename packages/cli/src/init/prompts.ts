import type { Language } from '../config-source.ts'
import { answerTo, clack } from '../prompts.ts'
import { STORES } from './stores.ts'

export interface Answers {
  readonly store: string
  readonly language: Language
}

/** Asks for what the options of `init` leave open. */
export async function ask(given: { [K in keyof Answers]: Answers[K] | undefined }): Promise<Answers> {
  const { intro, outro } = await clack()
  intro('Strongroom')
  const store = given.store ?? (await askStore())
  const language = given.language ?? (await askLanguage())
  outro('Done.')
  return { store, language }
}

async function askStore(): Promise<string> {
  const { select } = await clack()
  const chosen = await answerTo(
    select({
      message: 'Where should sessions be stored?',
      options: STORES.map((value) => ({ value, label: value.label, hint: value.hint })),
    }),
  )
  return chosen.asksUrl ? askUrl(chosen.url) : chosen.url
}

async function askUrl(initialValue: string): Promise<string> {
  const { text } = await clack()
  return answerTo(
    text({
      message: 'What is its URL?',
      placeholder: 'sqlite:/var/lib/app/sessions.db',
      initialValue,
      validate: (url) => (url ? undefined : 'A URL such as sqlite:/var/lib/app/sessions.db'),
    }),
  )
}

async function askLanguage(): Promise<Language> {
  const { select } = await clack()
  return answerTo(
    select<Language>({
      message: 'Which language should the config be written in?',
      initialValue: process.features.typescript ? 'ts' : 'js',
      options: [
        { value: 'ts', label: 'TypeScript', hint: 'needs Node 22.18 or later' },
        { value: 'js', label: 'JavaScript' },
      ],
    }),
  )
}
