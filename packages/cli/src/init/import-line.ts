import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/**
 * How the application imports its config. Without a tsconfig.json, Node runs TypeScript itself and wants the name of the file.
 * tsc refuses that name (TS5097) unless it is told otherwise, and wants the name of the file that it writes.
 */
export function importLine(name: string): string {
  const config = compilerOptions()
  if (config === null || name.endsWith('.mjs')) return `import sessions from './${name}'`
  const keepsName = /"(?:allowImportingTsExtensions|rewriteRelativeImportExtensions)"\s*:\s*true/.test(config)
  const specifier = `./${keepsName ? name : name.replace(/ts$/, 'js')}`
  // A CommonJS file may import an ES module only like this (TS1479).
  if (name.endsWith('.mts') && /"module"\s*:\s*"node1[68]"/i.test(config))
    return `const { default: sessions } = await import('${specifier}')`
  return `import sessions from '${specifier}'`
}

/** tsc takes everything that it imports from JavaScript for `any`, and refuses that when it is strict (TS7016). */
export function needsAllowJs(name: string): boolean {
  const config = compilerOptions()
  return config !== null && name.endsWith('.mjs') && !/"(?:allowJs|checkJs)"\s*:\s*true/.test(config)
}

/** The text of tsconfig.json, where possible with what it extends; null when there is none. */
function compilerOptions(): string | null {
  if (!existsSync('tsconfig.json')) return null
  return resolvedByTsc() ?? readFileSync('tsconfig.json', 'utf8')
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
