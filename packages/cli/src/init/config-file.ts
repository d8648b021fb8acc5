import { randomBytes } from 'node:crypto'
import { createSessions, type Traits } from 'strongroom'
import { writeText } from './file.ts'
import { packageType } from './package-type.ts'

export type Language = 'ts' | 'js'

/** What the store can do. Throws `ConfigError` for a URL that no store can be opened by. Connects to nothing. */
export async function checkStore(url: string): Promise<Traits> {
  const sessions = createSessions({ store: url, secrets: randomBytes(32) })
  await sessions.close()
  return sessions.policy.traits
}

/** TypeScript where this Node runs it, unless told otherwise. Always the name of an ES module, whatever the package's type. */
export function configName(language: Language = process.features.typescript ? 'ts' : 'js'): string {
  if (language === 'js') return 'strongroom.config.mjs'
  // Without a package.json nothing makes a .ts file CommonJS.
  return ['module', 'none'].includes(packageType()) ? 'strongroom.config.ts' : 'strongroom.config.mts'
}

export interface ConfigFile {
  readonly name: string
  /** The value of the option `store`, as source text. */
  readonly store: string
}

export function writeConfig({ name, store }: ConfigFile): void {
  const text = name.endsWith('.mjs') ? javascript(store) : typescript(store)
  writeText(name, text)
}

const SECRETS = `  // The first is current; the others still open what they sealed. \`npx @strongroom/cli keys new\` prints one.
  secrets: process.env.STRONGROOM_SECRETS,`

const typescript = (store: string) => `import { createSessions } from 'strongroom'

/** What a session may contain. Each of these keys may be missing. */
export interface SessionData {
  basket: string[]
}

export default createSessions<SessionData>({
${SECRETS}
  store: ${store},
})
`

const javascript = (store: string) => `import { createSessions } from 'strongroom'

export default createSessions({
${SECRETS}
  store: ${store},
})
`

/** A string as source text, in single quotes. */
export const literal = (text: string) =>
  `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
