import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { npm } from './pack.ts'
import { root } from './packages.ts'

/**
 * A folder whose node_modules has other versions of packages than this repository: `installed('nest-11', ['@nestjs/core@11'])`. They are
 * installed on first use, beside our own dependencies. `builds` are packages that need their install scripts.
 */
export function installed(name: string, wanted: readonly string[], builds: readonly string[] = []): string {
  const all = join(root, 'node_modules', '.versions')
  const folder = join(all, name)
  if (existsSync(folder)) return folder
  mkdirSync(all, { recursive: true })
  // Whatever is interrupted, or runs twice in parallel: the folder is there when it is complete.
  const making = mkdtempSync(join(all, `${name}-`))
  try {
    const allowScripts = Object.fromEntries(builds.map((each) => [each, true]))
    writeFileSync(join(making, 'package.json'), JSON.stringify({ private: true, allowScripts }))
    npm(making, 'install', ...wanted, '--no-audit', '--no-fund', `--ignore-scripts=${builds.length === 0}`)
    renameSync(making, folder)
  } catch (error) {
    // Another process was first.
    if (!existsSync(folder)) throw error
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
  return folder
}
