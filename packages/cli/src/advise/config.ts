import { configSource, type Language, literal } from '../config-source.ts'
import type { Answers, Backend } from './answers.ts'
import { type Candidate, type Leaf, leavesOf, type Seal, type Shape } from './candidates.ts'
import { durationOf } from './duration.ts'
import { commandFor } from './repeat.ts'
import { announces } from './requirements.ts'

/** A configuration that works, and what has to be there for it. */
export interface Configuration {
  /** The text of strongroom.config.ts, as `init` would write it, and of strongroom.config.mjs. */
  readonly typescript: string
  readonly javascript: string
  /** Drivers to install. */
  readonly packages: readonly string[]
  /** What to do before the first start, one line each. */
  readonly steps: readonly string[]
}

const PLACES: Readonly<Record<Leaf, string>> = {
  memory: 'memory:',
  file: 'file:./sessions',
  sqlite: 'sqlite:./sessions.db',
  postgres: 'postgres://localhost/app',
  mysql: 'mysql://localhost/app',
  redis: 'redis://localhost:6379',
  valkey: 'valkey://localhost:6379',
  memcached: 'memcached://localhost:11211',
}

const DRIVERS: Readonly<Partial<Record<Leaf, string>>> = {
  postgres: 'pg',
  mysql: 'mysql2',
  redis: 'ioredis',
  valkey: 'ioredis',
}
/** The subpath of the package that has the factory. */
const FACTORIES: Readonly<Record<Leaf, string>> = {
  ...{ memory: 'memory', file: 'file', sqlite: 'sqlite', postgres: 'postgres' },
  ...{ mysql: 'mysql', redis: 'redis', valkey: 'redis', memcached: 'memcached' },
}
const LARGEST = 65_536

export function configurationOf(candidate: Candidate, answers: Answers): Configuration {
  const source = (language: Language) => sourceOf(candidate, answers, language)
  const packages = leavesOf(candidate.shape).flatMap((leaf) => DRIVERS[leaf] ?? [])
  return {
    typescript: source('ts'),
    javascript: source('js'),
    packages: [...new Set(packages)],
    steps: stepsFor(candidate, answers),
  }
}

function sourceOf({ shape, seal, engine }: Candidate, answers: Answers, language: Language): string {
  const source = { language, options: optionsFor(seal, shape, answers), comments: commentsFor(engine, seal, answers) }
  if (shape.kind === 'store') {
    const url = placeOf(shape.store, answers)
    if (url.startsWith('env:') && isDurableRedis(shape.store, answers)) {
      const imports = ["import { redis } from 'strongroom/redis'"]
      return configSource({ ...source, imports, store: leafSource(shape.store, answers, {}) })
    }
    const store = url.startsWith('env:')
      ? `process.env.${url.slice(4)}`
      : literal(withOptions(url, shape.store, answers))
    return configSource({ ...source, store })
  }
  const named = shape.kind === 'cached' ? 'cached' : 'cookie'
  const names = [named, ...leavesOf(shape).map((leaf) => FACTORIES[leaf])]
  const imports = [...new Set(names)].sort().map((name) => `import { ${name} } from 'strongroom/${name}'`)
  return configSource({ ...source, imports, store: factoryOf(shape, seal, answers) })
}

/** Says where it comes from, so that the question can be asked again. */
const commentsFor = (engine: string, seal: Seal, answers: Answers) => [
  `${engine}, with the seal ${seal}. Recommended by:`,
  commandFor(answers),
]

const placeOf = (leaf: Leaf, { urls }: Answers) => urls[leaf as Backend] ?? PLACES[leaf]

const isRedis = (leaf: Leaf) => leaf === 'redis' || leaf === 'valkey'

/** A Redis says what it is configured for, and the store refuses one that is not. */
const isDurableRedis = (leaf: Leaf, { properties }: Answers) => isRedis(leaf) && properties.includes('durable')

const withOptions = (url: string, leaf: Leaf, answers: Answers) =>
  isDurableRedis(leaf, answers) ? `${url}${url.includes('?') ? '&' : '?'}durable=machine` : url

function optionsFor(seal: Seal, shape: Shape, answers: Answers): string[] {
  const { bytes, lifetime, idle } = answers
  const isDefault =
    seal === 'sealed' || seal === 'signed' || (seal === 'none') === (shape.kind === 'store' && shape.store === 'memory')
  return [
    ...(seal === 'server-key' || !isDefault ? [`seal: '${seal}',`] : []),
    ...(shape.kind !== 'cookie' && bytes > LARGEST ? [`maxSize: ${bytes},`] : []),
    ...(lifetime === 12 * 3_600_000 ? [] : [`absolute: '${durationOf(lifetime)}',`]),
    ...(idle === 30 * 60_000 ? [] : [`idle: '${durationOf(idle)}',`]),
  ]
}

function factoryOf(shape: Exclude<Shape, { kind: 'store' }>, seal: Seal, answers: Answers): string {
  if (shape.kind === 'cookie') {
    const revocations = shape.revocations && `revocations: ${leafSource(shape.revocations, answers, {})}`
    const options = [seal === 'signed' ? "protection: 'signed'" : '', revocations ?? ''].filter(Boolean)
    return options.length > 0 ? `cookie({ ${options.join(', ')} })` : 'cookie()'
  }
  const notify = announces(shape)
  const lines = [
    `durable: ${leafSource(shape.durable, answers, notify ? { notify: 'true' } : {})},`,
    `cache: ${cacheSource(shape.cache, answers)},`,
    // While changes are announced, it only matters where announcements cannot get through.
    ...(notify && shape.cache === 'memory' ? ['maxAge: 300_000,'] : []),
  ]
  return `cached({\n${lines.map((line) => `  ${line}\n`).join('')}})`
}

function cacheSource(leaf: Leaf, answers: Answers): string {
  if (leaf === 'memory') return 'memory({ evicts: true })'
  // Beside what else is in that server, and a cache may be emptied.
  return leafSource(leaf, answers, isRedis(leaf) ? { evicts: 'true', prefix: "'sessions-cache:'" } : {}, true)
}

function leafSource(leaf: Leaf, answers: Answers, options: Record<string, string>, isCache = false): string {
  const url = placeOf(leaf, answers)
  const durable = isDurableRedis(leaf, answers) && !isCache ? { durable: "'machine'" } : {}
  const all = Object.entries({ ...durable, ...options })
  const [, path = ''] = /^(?:sqlite|file):(.*)$/.exec(url) ?? []
  // Empty when the variable is missing: the store says that its URL is empty.
  const place = url.startsWith('env:') ? `process.env.${url.slice(4)} ?? ''` : literal(path || url)
  const name = FACTORIES[leaf]
  if (all.length === 0) return `${name}(${place})`
  return `${name}({ url: ${place}, ${all.map(([key, value]) => `${key}: ${value}`).join(', ')} })`
}

function stepsFor({ shape, backends }: Candidate, { properties, have, servers, processes }: Answers): string[] {
  const decisive = shape.kind === 'cached' ? [shape.durable] : leavesOf(shape)
  const tables = decisive.filter((leaf) => leaf === 'postgres' || leaf === 'mysql')
  return [
    ...backends.filter((name) => !have.includes(name)).map((name) => `Run ${TITLES[name]}, which is not there yet.`),
    ...(tables.length > 0 ? ['Create the table: npx @strongroom/cli migrate'] : []),
    ...(decisive.some(isRedis) && properties.includes('durable')
      ? ['Set appendonly yes and appendfsync always: the store refuses a Redis that is not durable.']
      : []),
    ...(decisive.some(isRedis)
      ? ['Set maxmemory-policy noeviction: the store refuses a Redis that drops sessions.']
      : []),
    ...(servers * processes > 1 && shape.kind === 'cached' && shape.cache === 'memory'
      ? ['Each process has a cache of its own.']
      : []),
  ]
}

export const TITLES: Readonly<Record<Backend, string>> = {
  postgres: 'PostgreSQL',
  mysql: 'MySQL or MariaDB',
  redis: 'Redis',
  valkey: 'Valkey',
  memcached: 'memcached',
}
