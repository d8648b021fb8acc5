import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/packages.ts'

/** A runtime, and what its tests find to work there. */
export interface Runtime {
  readonly name: string
  /** By the names in `suites.ts`. */
  readonly suites: readonly string[]
  /** What node:crypto seals with there, without `sodium-native`. */
  readonly cipher: 'chacha20-poly1305' | 'aes-256-gcm'
  /** Is `sodium-native` used where it is installed? */
  readonly sodium: boolean
}

const ADAPTERS = ['fetch', 'hono', 'node', 'express']
const ENGINES = ['memory', 'file', 'sqlite', 'redis', 'postgres', 'mysql', 'memcached']
const EVERYTHING = [...ADAPTERS, ...ENGINES]
const CHACHA = 'chacha20-poly1305'

/** All other tests of this repository run on it. */
const node: Runtime = { name: 'Node 22, 24, 26', suites: EVERYTHING, cipher: CHACHA, sodium: true }
export const bun: Runtime = { name: 'Bun 1.4', suites: [...EVERYTHING, 'text'], cipher: 'aes-256-gcm', sodium: true }
export const deno: Runtime = { name: 'Deno 2.9', suites: [...EVERYTHING, 'text'], cipher: CHACHA, sodium: true }
export const workerd: Runtime = {
  name: 'workerd',
  suites: ['fetch', 'hono', 'memory'],
  cipher: 'aes-256-gcm',
  sodium: false,
}

const RUNTIMES = [node, bun, deno, workerd]

/** The adapter suite is over them. */
const COOKIES = ['cookie, sealed', 'cookie, signed', 'cookie, with revocations']

const rowOf = (name: string, works: (runtime: Runtime) => boolean) =>
  `| ${[name, ...RUNTIMES.map((runtime) => (works(runtime) ? 'yes' : '—'))].join(' | ')} |`

const rowOfSuite = (name: string) => rowOf(`\`strongroom/${name}\``, ({ suites }) => suites.includes(name))

/** The table, as it is in docs/runtimes.md. */
export const table = (): string =>
  [
    `| ${['', ...RUNTIMES.map(({ name }) => name)].join(' | ')} |`,
    `| ${Array(RUNTIMES.length + 1)
      .fill('---')
      .join(' | ')} |`,
    ...ADAPTERS.map(rowOfSuite),
    ...COOKIES.map((name) => rowOf(name, ({ suites }) => suites.includes('fetch'))),
    ...ENGINES.map(rowOfSuite),
    rowOf('ChaCha20-Poly1305 by itself', ({ cipher }) => cipher === CHACHA),
    rowOf('`sodium-native`', ({ sodium }) => sodium),
  ].join('\n')

/** The tables of docs/runtimes.md. */
export const shownTables = (): string =>
  readFileSync(join(root, 'docs', 'runtimes.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .join('\n')
