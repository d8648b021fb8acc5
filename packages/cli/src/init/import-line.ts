import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { readText } from '../text.ts'
import { packageType } from './package-type.ts'

/** One line, or two where Node decides by the file itself: for a file that uses `import`, and for one that uses `require`. */
export type ImportLines = readonly [string, string?]

const imported = (specifier: string) => `import sessions from '${specifier}'`
const required = (specifier: string) => `const { default: sessions } = require('${specifier}')`
const awaited = (specifier: string) => `const { default: sessions } = await import('${specifier}')`

/** How the application imports its config. */
export function importLines(name: string): ImportLines {
  const config = compilerOptions()
  const type = packageType()
  if (config !== null) return [forCompiler(name, config, type === 'commonjs' || type === 'unset')]
  // Node itself runs the application, and wants the name of the file.
  if (type === 'module') return [imported(`./${name}`)]
  return type === 'commonjs' ? [required(`./${name}`)] : [imported(`./${name}`), required(`./${name}`)]
}

const has = (config: string, pattern: string) => new RegExp(`"${pattern}`, 'i').test(config)

const allowsTs = (config: string) =>
  has(config, '(?:allowImportingTsExtensions|rewriteRelativeImportExtensions)"\\s*:\\s*true')

/** Where tsc writes nothing and nothing bundles, Node runs the sources. */
const isRunAsItIs = (config: string) => has(config, 'noEmit"\\s*:\\s*true') && has(config, 'module"\\s*:\\s*"node')

/** tsc refuses the name of a TypeScript file (TS5097) unless it is told otherwise, and wants the name of the file that it writes. */
function forCompiler(name: string, config: string, isCommonJs: boolean): string {
  const keepsName = allowsTs(config) || isRunAsItIs(config)
  const specifier = `./${keepsName ? name : name.replace(/ts$/, 'js')}`
  if (!isCommonJs) return imported(specifier)
  // A CommonJS file may import an ES module only like this (TS1479).
  if (has(config, 'module"\\s*:\\s*"node1[68]"')) return awaited(specifier)
  // Nobody translates `import` for Node, which runs the file as it is.
  if (!isRunAsItIs(config)) return imported(specifier)
  return name.endsWith('.mjs') ? required(specifier) : awaited(specifier)
}

/** tsc takes everything that it imports from JavaScript for `any`, and refuses that when it is strict (TS7016). */
export function needsAllowJs(name: string): boolean {
  const config = compilerOptions()
  return config !== null && name.endsWith('.mjs') && !/"(?:allowJs|checkJs)"\s*:\s*true/.test(config)
}

/** Node finds a TypeScript file only under its own name, which tsc refuses by default (TS5097). */
export function needsTsExtensions(name: string): boolean {
  const config = compilerOptions()
  return config !== null && name.endsWith('ts') && isRunAsItIs(config) && !allowsTs(config)
}

/** The text of tsconfig.json, where possible with what it extends; null when there is none. */
function compilerOptions(): string | null {
  if (!existsSync('tsconfig.json')) return null
  return resolvedByTsc() ?? readText('tsconfig.json')
}

function resolvedByTsc(): string | null {
  const { resolve } = createRequire(join(process.cwd(), 'package.json'))
  try {
    const tsc = join(dirname(resolve('typescript/package.json')), 'bin', 'tsc')
    const run = spawnSync(process.execPath, [tsc, '--showConfig'], { encoding: 'utf8', timeout: 30_000 })
    return run.status === 0 ? run.stdout : null
  } catch {
    return null
  }
}
