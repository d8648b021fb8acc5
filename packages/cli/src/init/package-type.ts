import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { misuse } from '../failure.ts'
import { readText } from '../text.ts'

/**
 * What Node takes a .js file of the application for. `unset`: its package.json has no type, so that Node looks at the file itself;
 * `none`: it has no package.json.
 */
export type PackageType = 'module' | 'commonjs' | 'unset' | 'none'

export function packageType(): PackageType {
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json')
    if (existsSync(path)) return typeIn(path)
    if (folder === dirname(folder)) return 'none'
  }
}

function typeIn(path: string): PackageType {
  try {
    const { type } = JSON.parse(readText(path))
    return type === 'module' || type === 'commonjs' ? type : 'unset'
  } catch (cause) {
    throw misuse('package.json is not valid JSON.', { cause })
  }
}
