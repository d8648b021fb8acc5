import type { SealName, Traits } from 'strongroom'
import type { Answers, Backend } from './answers.ts'

/** A store by itself. */
export type Leaf = 'memory' | 'file' | 'sqlite' | Backend

/** What is put together to an engine. */
export type Shape =
  | { readonly kind: 'store'; readonly store: Leaf }
  | { readonly kind: 'cached'; readonly durable: Leaf; readonly cache: Leaf }
  | { readonly kind: 'cookie'; readonly revocations: Leaf | null }

/** The seal of a store, or how the `cookie` engine protects its data. */
export type Seal = SealName | 'sealed' | 'signed'

/** What an engine declares of itself: `traits`, and what its types have and lack. */
export interface Declared extends Traits {
  /** Can a user's sessions be listed, and one of them ended? */
  readonly lists: boolean
  /** Can all sessions of a user be ended? */
  readonly endsAll: boolean
  /** Are changes of concurrent requests merged? */
  readonly merges: boolean
  /** What it leaves on the server, and whether that is on a disk. */
  readonly leaves: 'sessions' | 'hashes' | 'nothing'
  readonly onDisk: boolean
}

export interface Candidate {
  /** Unique, and stable: "memory over postgres, two-key". */
  readonly name: string
  /** "memory over postgres": without the seal. */
  readonly engine: string
  readonly seal: Seal
  readonly shape: Shape
  readonly declared: Declared
  /** The servers that it needs. */
  readonly backends: readonly Backend[]
  /** Its own package page: "docs/postgres.md". */
  readonly docs: string
}

type LeafTraits = Omit<Declared, 'engine' | 'granularity' | 'leaves'>

const store = { lists: true, endsAll: true, merges: true, evicts: false, revocable: true } as const
const MB = 2 ** 20

/** As `sessions.policy.traits` has it for a URL without options; a test compares. */
const LEAVES: Readonly<Record<Leaf, LeafTraits>> = {
  memory: {
    ...store,
    durable: 'no',
    shared: 'process',
    expiresByItself: false,
    sizeLimit: 256 * MB - 1024,
    onDisk: false,
  },
  file: { ...store, durable: 'machine', shared: 'machine', expiresByItself: false, sizeLimit: 1024 * MB, onDisk: true },
  sqlite: {
    ...store,
    durable: 'machine',
    shared: 'machine',
    expiresByItself: false,
    sizeLimit: 999_990_000,
    onDisk: true,
  },
  postgres: {
    ...store,
    durable: 'machine',
    shared: 'network',
    expiresByItself: false,
    sizeLimit: 256 * MB - 1024,
    onDisk: true,
  },
  mysql: {
    ...store,
    durable: 'machine',
    shared: 'network',
    expiresByItself: false,
    sizeLimit: 16 * MB - 2048,
    onDisk: true,
  },
  redis: { ...store, durable: 'no', shared: 'network', expiresByItself: true, sizeLimit: 512 * MB - 584, onDisk: true },
  valkey: {
    ...store,
    durable: 'no',
    shared: 'network',
    expiresByItself: true,
    sizeLimit: 512 * MB - 584,
    onDisk: true,
  },
  memcached: {
    ...store,
    ...{ durable: 'no', shared: 'network', expiresByItself: true, sizeLimit: MB - 2048, onDisk: false },
    ...{ evicts: true, lists: false, endsAll: false },
  },
}

/** The largest data, as JSON, that fits into a cookie beside its seal, its times and a user id of twelve characters. */
export const COOKIE_ROOM = 2800

/** With this, a Redis that is configured for it is as durable as a database; the store checks that it is. */
const DURABLE_REDIS = { durable: 'machine' } as const

function leafTraits(leaf: Leaf, { properties }: Pick<Answers, 'properties'>): LeafTraits {
  const isRedis = leaf === 'redis' || leaf === 'valkey'
  return { ...LEAVES[leaf], ...(isRedis && properties.includes('durable') ? DURABLE_REDIS : {}) }
}

function declaredOf(shape: Shape, seal: Seal, answers: Pick<Answers, 'properties'>): Declared {
  const granularity = 1
  if (shape.kind === 'store')
    return { ...leafTraits(shape.store, answers), engine: nameOfLeaf(shape.store), granularity, leaves: 'sessions' }
  if (shape.kind === 'cached') {
    const engine = `cached ${nameOfLeaf(shape.durable)} with ${nameOfLeaf(shape.cache)}`
    return { ...leafTraits(shape.durable, answers), engine, granularity, leaves: 'sessions' }
  }
  const { revocations } = shape
  return {
    engine: `cookie (${seal})`,
    ...{
      durable: 'no',
      expiresByItself: true,
      granularity,
      sizeLimit: 4096,
      evicts: true,
      lists: false,
      merges: false,
    },
    shared: revocations === null ? 'network' : LEAVES[revocations].shared,
    revocable: revocations !== null,
    endsAll: revocations !== null,
    leaves: revocations === null ? 'nothing' : 'hashes',
    onDisk: revocations !== null,
  }
}

/** Valkey speaks the protocol of Redis, and the engine calls both so. */
const nameOfLeaf = (leaf: Leaf) => (leaf === 'valkey' ? 'redis' : leaf)

const isBackend = (leaf: Leaf): leaf is Backend => !['memory', 'file', 'sqlite'].includes(leaf)

export function leavesOf(shape: Shape): readonly Leaf[] {
  if (shape.kind === 'store') return [shape.store]
  if (shape.kind === 'cached') return [shape.durable, shape.cache]
  return shape.revocations === null ? [] : [shape.revocations]
}

function engineName(shape: Shape): string {
  if (shape.kind === 'store') return shape.store
  if (shape.kind === 'cached') return `${shape.cache} over ${shape.durable}`
  return shape.revocations === null ? 'cookie' : `cookie with revocations in ${shape.revocations}`
}

const alone = (name: Leaf): Shape => ({ kind: 'store', store: name })
const cached = (cache: Leaf, durable: Leaf): Shape => ({ kind: 'cached', durable, cache })
const cookie = (revocations: Leaf | null = null): Shape => ({ kind: 'cookie', revocations })

const STORES: readonly Shape[] = [
  ...(['sqlite', 'file', 'postgres', 'mysql', 'redis', 'valkey', 'memcached'] as const).map(alone),
  ...(['sqlite', 'postgres', 'mysql', 'redis', 'valkey'] as const).map((durable) => cached('memory', durable)),
  ...(['postgres', 'mysql'] as const).flatMap((durable) =>
    (['redis', 'valkey', 'memcached'] as const).map((cache) => cached(cache, durable)),
  ),
]
const REVOCATIONS = ['sqlite', 'postgres', 'mysql', 'redis', 'valkey'] as const

/** Every engine that can be recommended, in the order that decides when nothing else does. */
export function candidatesFor(answers: Pick<Answers, 'properties' | 'needs'>): readonly Candidate[] {
  // Operators who must be able to read sessions need the weaker seal, and only then is it worth having.
  const seal: Seal = answers.needs.includes('operators-read') ? 'server-key' : 'two-key'
  const all: readonly (readonly [Shape, Seal])[] = [
    ...STORES.map((shape) => [shape, seal] as const),
    [alone('memory'), 'none'],
    [alone('memory'), seal],
    ...[null, ...REVOCATIONS].map((revocations) => [cookie(revocations), 'sealed'] as const),
    [cookie(), 'signed'],
  ]
  return all.map(([shape, each]) => {
    const engine = engineName(shape)
    return {
      name: `${engine}, ${each}`,
      engine,
      seal: each,
      shape,
      declared: declaredOf(shape, each, answers),
      backends: leavesOf(shape).filter(isBackend),
      docs: `docs/${shape.kind === 'store' ? nameOfLeaf(shape.store) : shape.kind}.md`,
    }
  })
}
