export type Language = 'ts' | 'js'

export interface ConfigSource {
  readonly language: Language
  /** The value of the option `store`, as source text. */
  readonly store: string
  /** Import lines beside that of `createSessions`. */
  readonly imports?: readonly string[]
  /** Lines above it all, and options after `store`, as source text. */
  readonly comments?: readonly string[]
  readonly options?: readonly string[]
}

const SECRETS = [
  '// The first is current; the others still open what they sealed. `npx @strongroom/cli keys new` prints one.',
  'secrets: process.env.STRONGROOM_SECRETS,',
]

const DATA = `
/** What a session may contain. Each of these keys may be missing. */
export interface SessionData {
  basket: string[]
}
`

/** The text of a config: what `init` writes, and what the advisor recommends. */
export function configSource({ language, store, imports = [], comments = [], options = [] }: ConfigSource): string {
  const isTyped = language === 'ts'
  const lines = [...SECRETS, `store: ${indented(store)},`, ...options]
  return [
    ...comments.map((text) => `// ${text}\n`),
    "import { createSessions } from 'strongroom'\n",
    ...imports.map((line) => `${line}\n`),
    isTyped ? DATA : '',
    `\nexport default createSessions${isTyped ? '<SessionData>' : ''}({\n`,
    ...lines.map((line) => `  ${line}\n`),
    '})\n',
  ].join('')
}

const indented = (source: string) => source.replaceAll('\n', '\n  ')

/** A string as source text, in single quotes. */
export const literal = (text: string) =>
  `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
