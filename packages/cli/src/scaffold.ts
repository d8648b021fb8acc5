import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createSessions } from 'strongroom'
import { misuse } from './failure.ts'

export type Language = 'ts' | 'js'

/** Throws `ConfigError` for a store that could not be opened by its URL. Opens nothing. */
export async function checkStore(url: string): Promise<void> {
  await createSessions({ store: url, secrets: randomBytes(32) }).close()
}

/** TypeScript where this Node runs it, unless told otherwise; as a module in every package. */
export function configName(language: Language = process.features.typescript ? 'ts' : 'js'): string {
  if (language === 'js') return 'strongroom.config.mjs'
  return isModulePackage() ? 'strongroom.config.ts' : 'strongroom.config.mts'
}

/** Without a package.json there is nothing that would make a .ts file CommonJS. */
function isModulePackage(): boolean {
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json')
    if (existsSync(path)) return typeOf(path) === 'module'
    if (folder === dirname(folder)) return true
  }
}

function typeOf(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).type
  } catch (cause) {
    throw misuse('package.json is not JSON.', { cause })
  }
}

export function writeConfig(name: string, store: string, replace: boolean): void {
  const text = name.endsWith('.mjs') ? javascript(store) : typescript(store)
  try {
    writeFileSync(name, text, { flag: replace ? 'w' : 'wx' })
  } catch (cause) {
    throw new Error(`${name} could not be written`, { cause })
  }
}

const SECRETS = `  // The first is current, the others go on opening what they made. \`strongroom keys new\` makes one.
  secrets: process.env.STRONGROOM_SECRETS,`

const typescript = (store: string) => `import { createSessions } from 'strongroom'

/** What a session may hold: the keys of your application, each of which may be missing. */
export interface SessionData {
  basket: string[]
}

export default createSessions<SessionData>({
${SECRETS}
  store: ${literal(store)},
})
`

const javascript = (store: string) => `import { createSessions } from 'strongroom'

export default createSessions({
${SECRETS}
  store: ${literal(store)},
})
`

const literal = (text: string) => `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
