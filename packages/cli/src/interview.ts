import { answered, clack } from './prompts.ts'
import type { Language } from './scaffold.ts'

export interface Answers {
  readonly store?: string
  readonly language?: Language
}

/** Asks for what the options of `init` leave open. */
export async function interview(
  options: { readonly store?: string; readonly js?: true; readonly ts?: true },
  standard: string,
): Promise<Answers> {
  const { intro, outro } = await clack()
  intro('Strongroom')
  const store = options.store ?? (await askStore(standard))
  const language = options.js ? 'js' : options.ts ? 'ts' : await askLanguage()
  outro('That is all.')
  return { store, language }
}

async function askStore(standard: string): Promise<string> {
  const { select, text } = await clack()
  const chosen = await answered(
    select({
      message: 'Where do sessions rest?',
      initialValue: standard,
      options: [
        { value: standard, label: 'SQLite', hint: 'one file; survives restarts; several processes of one machine' },
        { value: 'file:./sessions', label: 'Files', hint: 'one file for each session' },
        { value: 'cookie:', label: 'Cookies', hint: 'nothing on the server; logout is not final' },
        { value: '', label: 'Another', hint: 'a URL of your own' },
      ],
    }),
  )
  if (chosen) return chosen
  return answered(
    text({
      message: 'Its URL?',
      placeholder: 'sqlite:/var/lib/app/sessions.db',
      validate: (url) => (url ? undefined : 'Such as sqlite:/var/lib/app/sessions.db'),
    }),
  )
}

async function askLanguage(): Promise<Language> {
  const { select } = await clack()
  return answered(
    select<Language>({
      message: 'The config in which language?',
      initialValue: process.features.typescript ? 'ts' : 'js',
      options: [
        { value: 'ts', label: 'TypeScript', hint: 'Node 22.18 or later runs it' },
        { value: 'js', label: 'JavaScript' },
      ],
    }),
  )
}
