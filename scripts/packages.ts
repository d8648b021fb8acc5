import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..')

/** What is read of a package.json. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly files: readonly string[]
  /** By subpath: a file, or files by condition, of which the last is `default`. */
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** Each comes after those that it depends on. */
const FOLDERS = ['strongroom', 'django', 'studio', 'cli'] as const

export interface Package {
  /** From the root, as in `packages/django`. */
  readonly folder: string
  readonly manifest: Manifest
}

/** Where a file is kept while scripts/pack.ts has prepared a package, which an interrupted `npm publish` leaves like that. */
export const keptAs = (file: string) => `.${file}.source`

export const packages: readonly Package[] = FOLDERS.map((name) => {
  const folder = `packages/${name}`
  const [source = ''] = [keptAs('package.json'), 'package.json']
    .map((file) => join(root, folder, file))
    .filter((file) => existsSync(file))
  return { folder, manifest: JSON.parse(readFileSync(source, 'utf8')) }
})

/** The package of that name; throws for one that is not ours. */
export function packageNamed(name: string): Package {
  const found = packages.find(({ manifest }) => manifest.name === name)
  if (!found) throw new Error(`There is no package ${name} in this repository.`)
  return found
}

/** Import specifier → source file, from the root: what every package exports where no condition is set. */
export function entryPoints({ folder, manifest }: Package): ReadonlyMap<string, string> {
  const modules = Object.entries(manifest.exports).filter(([subpath]) => subpath !== './package.json')
  return new Map(
    modules.map(([subpath, target]) => {
      const file = typeof target === 'string' ? target : target.default
      if (file === undefined)
        throw new Error(`${manifest.name} exports ${subpath} under conditions, without a default.`)
      return [manifest.name + subpath.slice(1), join(folder, file)]
    }),
  )
}

/** A source file of package.json, `./src/a.ts`, as the file that is published, `./dist/a.js`. */
export const published = (file: string): string => file.replace(/^\.\/src\/(.*)\.ts$/, './dist/$1.js')
