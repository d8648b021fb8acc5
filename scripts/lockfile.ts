/**
 * `node scripts/lockfile.ts`, after a dependency was added or updated: gives the lockfile the entries that npm left out.
 *
 * Binaries come as optional packages, one for each platform. When a registry lacks one of them, `npm install` leaves it out
 * of the lockfile, and `npm ci` then refuses that lockfile on every machine. Those packages are never fetched where they do
 * not belong, so version and platform are enough; both are known from the package that asks for them.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './packages.ts'

interface Entry {
  readonly version?: string
  readonly dev?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly [more: string]: unknown
}

interface Lock {
  packages: Record<string, Entry>
}

/** Optional packages that the lockfile asks for and does not list: name → what would complete it. */
export function missing({ packages }: Lock): Map<string, Entry> {
  const found = new Map<string, Entry>()
  for (const [path, { optionalDependencies = {}, dev }] of Object.entries(packages))
    for (const [name, version] of path === '' ? [] : Object.entries(optionalDependencies))
      if (!(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages))
        found.set(name, { version: exact(version), ...(dev && { dev }), optional: true, ...platform(name) })
  return found
}

/** The least version of a range: nobody can tell which others there are. */
const exact = (range: string) => range.replace(/^[~^]/, '')

/** `@scope/cli-linux-x64-musl` says where it runs. */
function platform(name: string): { os: string[]; cpu?: string[]; libc?: string[] } {
  if (/-windows-/.test(name)) return { os: ['win32'] }
  const [, os] = /-(android|darwin|freebsd|linux|openharmony|win32)\b/.exec(name) ?? []
  const [, cpu] = /-(arm64|arm|x64|ia32|ppc64|riscv64|s390x)\b/.exec(name) ?? []
  if (!os || !cpu)
    throw new Error(`${name} does not say for which platform it is; add it to package-lock.json by hand.`)
  return { os: [os], cpu: [cpu], ...(os === 'linux' && { libc: [name.includes('musl') ? 'musl' : 'glibc'] }) }
}

if (import.meta.main) {
  const file = join(root, 'package-lock.json')
  const lock: Lock = JSON.parse(readFileSync(file, 'utf8'))
  const absent = missing(lock)
  for (const [name, entry] of absent) lock.packages[`node_modules/${name}`] = entry
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'))
  lock.packages = Object.fromEntries(sorted)
  if (absent.size > 0) writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
  console.log(`${absent.size} packages added to package-lock.json`)
}
