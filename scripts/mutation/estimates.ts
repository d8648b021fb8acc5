// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources

import { type Mutation, on } from './mutation.ts'

const SOURCE = 'packages/strongroom/src'

const large = (file: string) => on('test/engines/estimate.test.ts', `${SOURCE}/engines/${file}.ts`)
const byRedis = (file: string) => on('test/engines/estimate.test.ts', `${SOURCE}/engines/redis/${file}.ts`)
const inMemory = on('test/engines/memory.test.ts', `${SOURCE}/engines/memory/store.ts`)
const inFiles = on('test/engines/file.test.ts', `${SOURCE}/engines/file/store.ts`)
const inSqlite = on('test/engines/sqlite.test.ts', `${SOURCE}/engines/sqlite/table.ts`)
const sampled = on('test/figures/figures.test.ts', `${SOURCE}/figures/sample.ts`)

/** Mistakes after which a store would say that it has another number of entries than it has. */
export const estimateMutations: readonly Mutation[] = [
  large('shared/estimate')(
    'an estimate that is said to be exact',
    '(seen - 1) / share)), exact: false }',
    'seen / share)), exact: true }',
  ),
  large('shared/estimate')('an estimate from the end of an id', 'last.slice(0, 13)', 'last.slice(-13)'),
  large('shared/estimate')(
    'an estimate of less than was seen',
    'Math.max(seen, Math.round((seen - 1) / share))',
    'Math.round((seen - 1) / share)',
  ),
  large('shared/estimate')('a sample that is taken for all', 'seen < SAMPLE ||', 'seen <= SAMPLE ||'),
  large('file/store')('an estimate that reads every directory', 'if (seen >= SAMPLE && done', 'if (seen < 0 && done'),
  large('file/store')(
    'an estimate of one directory as of all',
    'count: Math.round((seen / done) * shards.length)',
    'count: seen',
  ),
  inFiles(
    'drafts that are counted',
    '(await this.#disk.names(shard)).filter(isHexId).length',
    '(await this.#disk.names(shard)).length + 1',
  ),
  inSqlite(
    'an estimate of those without an owner',
    "AS count FROM ${table} WHERE id > ''",
    "AS count FROM ${table} WHERE id > '' AND owner IS NULL",
  ),
  large('postgres/statements')(
    'an estimate from rows in any order',
    'SELECT id FROM ${table} ORDER BY id LIMIT',
    'SELECT id FROM ${table} LIMIT',
  ),
  large('mysql/statements')(
    'an estimate that reads the whole table',
    'ORDER BY id LIMIT ${SAMPLE}) AS first_ids',
    'ORDER BY id LIMIT 1000000) AS first_ids',
  ),
  byRedis('estimate')('all keys of a database taken for sessions', 'count: Math.round(size * share)', 'count: size'),
  byRedis('estimate')('keys of others that are as long as ours', 'string.sub(key, 1, #before) == before', 'true'),
  byRedis('estimate')('a share that a handful of keys is the proof of', 'const ENOUGH = 1600', 'const ENOUGH = 1'),
  byRedis('estimate')('a user who may not ask, as a failure', "['NOPERM', 'ERR'].includes(codeOf(error))", 'false'),
  byRedis('estimate')('one master of a cluster taken for all', 'all.push(count)', 'return count'),
  byRedis('estimate')('few keys that are drawn instead of counted', 'size <= SAMPLE', 'size < 0'),
  inMemory(
    'an estimate without what has expired',
    'return { count: this.#table.size, exact: true }',
    'return { count: [...this.#table.expiresAt].filter((at) => at > this.#clock()).length, exact: true }',
  ),
  inMemory(
    'an estimate that walks',
    'return { count: this.#table.size, exact: true }',
    'let count = 0\n    for await (const page of this.scan()) count += page.length\n    return { count, exact: true }',
  ),
  inMemory(
    'an estimate that sweeps',
    'return { count: this.#table.size, exact: true }',
    'for await (const _ of this.#sweep(1000, false));\n    return { count: this.#table.size, exact: true }',
  ),
  inMemory(
    'an estimate after the end',
    'async estimate(): Promise<Count> {\n    this.#state.assertOpen()',
    'async estimate(): Promise<Count> {',
  ),
  sampled('an upper bound that is said to be exact', "expired?.is === 'at least' ? 'at most' : ", ''),
]
