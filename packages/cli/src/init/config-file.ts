import { randomBytes } from 'node:crypto'
import { createSessions, type Traits } from 'strongroom'
import { configSource, type Language } from '../config-source.ts'
import { writeText } from './file.ts'
import { packageType } from './package-type.ts'

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
  writeText(name, configSource({ language: languageOf(name), store }))
}

/** The language of a config, by its name. */
export const languageOf = (name: string): Language => (/\.[mc]?ts$/.test(name) ? 'ts' : 'js')
