import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, suite, test } from 'node:test'
import {
  type Answers,
  advise,
  answersFrom,
  type Backend,
  type Recommendation,
} from '../../packages/cli/src/advise/index.ts'
import { root } from '../../scripts/packages.ts'
import { NODE_TYPES, Project, SECRET } from '../cli/project.ts'
import type { Server } from '../servers/daemon.ts'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { memcachedNeed, startMemcached } from '../servers/memcached.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { REDIS_PROGRAMS, redisNeed, startRedis } from '../servers/redis.ts'

const BACKENDS = ['postgres', 'mysql', 'redis', 'valkey', 'memcached'] as const satisfies readonly Backend[]
/** Nothing is asked for, so that every engine is recommended. */
const every = (given: Partial<Answers> = {}): readonly Recommendation[] =>
  advise(answersFrom({ have: BACKENDS, ...given }), { report: null }).recommended

/** A visitor logs in, comes back, and logs out. Where the machine is so busy that a store runs out of time, the step is tried again. */
const APPLICATION = `import sessions from './strongroom.config.ts'
const carry = async (headers, use, tries = 5) => {
  try {
    return await attempt(headers, use)
  } catch (error) {
    if (error.code !== 'STRONGROOM_STORE' || !/time|within/i.test(error.message) || tries === 0) throw error
    return carry(headers, use, tries - 1)
  }
}
const attempt = async (headers, use) => {
  const visit = sessions.open(headers)
  const session = await visit.get()
  const result = use(session)
  const { setCookie } = await visit.commit()
  return { result, headers: setCookie ? { cookie: setCookie.split(';')[0] } : headers }
}
const { headers } = await carry({}, (session) => {
  session.login('ada')
  session.set('basket', ['tea'])
})
const { result } = await carry(headers, (session) => [session.userId, session.get('basket')])
await carry(headers, (session) => session.logout())
console.log(JSON.stringify([result, sessions.policy.seal, sessions.policy.traits.revocable]))
await sessions.close()
process.exit()
`

const needs = [postgresNeed, mariadbNeed, redisNeed, REDIS_PROGRAMS.valkey, memcachedNeed]
const skip = needs.map((need) => need.skip).find(Boolean) ?? false

suite('the config of every engine that can be recommended', { skip }, () => {
  let project: Project
  let servers: readonly Server[]
  let urls: Record<Backend, string>
  before(async () => {
    project = new Project()
    project.write('.env', `STRONGROOM_SECRETS=${SECRET}\n`)
    project.write('application.ts', APPLICATION)
    const [postgres, mysql, redis, memcached] = await Promise.all([
      startPostgres(),
      startMariadb(),
      startRedis(),
      startMemcached(),
    ])
    const valkey = await startRedis({}, 'valkey')
    servers = [postgres, mysql, redis, valkey, memcached]
    urls = {
      ...{ postgres: postgres.url, mysql: mysql.url, redis: redis.url, memcached: memcached.url },
      valkey: valkey.url.replace('redis:', 'valkey:'),
    }
  })
  after(async () => {
    for (const server of servers ?? []) await server.stop()
    project.remove()
  })

  async function start(recommended: Recommendation, env: Record<string, string> = {}) {
    project.write('strongroom.config.ts', recommended.config.typescript)
    if (recommended.config.steps.some((step) => step.includes('migrate'))) {
      const { code, err } = await project.run(['migrate'], { env })
      assert.equal(code, 0, err)
    }
    const child = spawn(process.execPath, ['--env-file=.env', 'application.ts'], {
      cwd: project.dir,
      env: { ...env, PATH: process.env.PATH ?? '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
    assert.equal(code, 0, `${recommended.config.typescript}\n${err}`)
    return JSON.parse(out)
  }

  for (const { name } of every())
    test(`${name}: a visitor logs in, comes back and logs out`, async () => {
      const recommended = every({ urls }).find((each) => each.name === name) ?? assert.fail(name)
      const [result, seal, revocable] = await start(recommended)
      assert.deepEqual(result, ['ada', ['tea']])
      assert.equal(seal, recommended.seal, 'the seal is that of the recommendation')
      assert.equal(revocable, !recommended.givenUp.some((each) => each.startsWith('a logout is not final')))
    })

  test('addresses come from the environment where they are said to be there', async () => {
    const env = { POSTGRES_HERE: urls.postgres, REDIS_HERE: urls.redis }
    const named = { postgres: 'env:POSTGRES_HERE', redis: 'env:REDIS_HERE' }
    for (const name of ['postgres, two-key', 'redis, two-key', 'redis over postgres, two-key']) {
      const given = { urls: named, properties: ['durable'] as const }
      const recommended = every(given).find((each) => each.name === name) ?? assert.fail(name)
      assert.ok(!recommended.config.typescript.includes('127.0.0.1'))
      assert.deepEqual((await start(recommended, env))[0], ['ada', ['tea']])
    }
  })

  test('a Redis that is not as durable as the recommendation says is refused', async () => {
    const weak = await startRedis({ appendonly: 'no' })
    try {
      const [recommended] = every({ properties: ['durable'], have: ['redis'], urls: { redis: weak.url }, servers: 2 })
      assert.equal(recommended?.name, 'redis, two-key')
      await assert.rejects(start(recommended), /durable/)
    } finally {
      await weak.stop()
    }
  })
})

test('every config compiles under the strictest options, with options for what was asked', () => {
  const project = new Project()
  const lists = [
    every(),
    every({ properties: ['durable'], lifetime: 14 * 86_400_000, idle: 3_600_000, bytes: 100_000 }),
    every({ needs: ['operators-read'], urls: { redis: 'env:REDIS_URL', postgres: 'env:DATABASE_URL' } }),
  ]
  const files = lists.flatMap((list, at) =>
    list.map(({ config }, index) => {
      const file = `config-${at}-${index}.ts`
      project.write(file, config.typescript)
      return file
    }),
  )
  assert.ok(files.length > 60)
  const source = (name: string) => [join(root, 'packages', 'strongroom', 'src', name)]
  const engine = (name: string) => [`strongroom/${name}`, source(`engines/${name}/${name}.ts`)] as const
  const engines = ['memory', 'file', 'sqlite', 'cached', 'cookie', 'memcached', 'mysql', 'postgres', 'redis'].map(
    engine,
  )
  const compilerOptions = {
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: true },
    ...{ module: 'nodenext', target: 'es2023', allowImportingTsExtensions: true, noEmit: true },
    ...NODE_TYPES,
    paths: { strongroom: source('index.ts'), ...Object.fromEntries(engines) },
    ...{ verbatimModuleSyntax: true, erasableSyntaxOnly: true },
  }
  project.write('tsconfig.json', JSON.stringify({ compilerOptions, files }))
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', project.dir], { encoding: 'utf8' })
  assert.equal(status, 0, stdout)
  const [, asked = []] = lists
  for (const { config, seal } of asked) {
    assert.match(config.typescript, /absolute: '14d',\n {2}idle: '1h',/)
    if (seal === 'two-key') assert.match(config.typescript, /maxSize: 100000,/)
  }
  for (const { config, seal } of lists[2] ?? [])
    if (seal === 'server-key') assert.match(config.typescript, /seal: 'server-key',/)
  project.remove()
})
