import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { root } from '../../scripts/packages.ts'

const SOURCE = pathToFileURL(join(root, 'packages/strongroom/src/index.ts')).href

/** Runs it as an application, in a process of its own that is no test. `bundles` are copies of the library, as a bundler makes them. */
function run(code: string, variables: Readonly<Record<string, string>>) {
  const { NODE_ENV: _, NODE_TEST_CONTEXT: __, NEXT_PHASE: ___, ...env } = process.env
  const script = `
    const bundles = [await import('${SOURCE}'), await import('${SOURCE}?again')]
    const made = bundles.map(({ createSessions }) => createSessions({ secrets: process.env.SECRETS, store: process.env.STORE }))
    async function visit(sessions, cookie, work) {
      const visit = sessions.open({ cookie })
      const result = await work(await visit.get())
      const { setCookie } = await visit.commit()
      return { result, cookie: setCookie?.split(';')[0] ?? cookie }
    }
    ${code}`
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
    { encoding: 'utf8', env: { ...env, ...variables } },
  )
  return { status, printed: stdout.trim(), warnings: stderr.match(/\[STRONGROOM_DEVELOPMENT\]/g)?.length ?? 0, stderr }
}

const SHARED = `
  const { cookie } = await visit(made[0], undefined, (session) => session.set('a', 1))
  const { result } = await visit(made[1], cookie, (session) => session.get('a'))
  await made[0].close()
  const { result: later } = await visit(made[1], cookie, (session) => session.get('a'))
  console.log(JSON.stringify([result ?? null, later ?? null]))`

describe('several bundles of one application in development', () => {
  for (const NODE_ENV of ['development', ''])
    it(`have one store and one key, and give one warning, with NODE_ENV=${NODE_ENV}`, () => {
      const { printed, warnings, stderr } = run(SHARED, { NODE_ENV })
      assert.equal(printed, '[1,1]', stderr)
      assert.equal(warnings, 1)
    })

  it('have stores and keys of their own in tests', () => {
    const { printed, warnings } = run(SHARED, { NODE_ENV: 'test' })
    assert.deepEqual([printed, warnings], ['[null,null]', 2])
  })

  it('share neither with a store and secrets that they were given', () => {
    const given = { SECRETS: 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2), STORE: 'memory:' }
    const { printed, warnings } = run(SHARED, given)
    assert.deepEqual([printed, warnings], ['[null,null]', 0])
  })
})

describe('a build by Next', () => {
  const building = { NODE_ENV: 'production', NEXT_PHASE: 'phase-production-build' }
  const first = `
    for (const work of [() => made[0].read({}), () => made[0].ready(), () => made[0].open({}).get()])
      console.log(await Promise.resolve().then(work).then(() => 'nothing', (error) => error.name + ' ' + error.message.slice(0, 40)))`

  for (const [left, needs, given] of [
    ['secrets and store', 'secrets and store', {}],
    ['the secrets', 'secrets', { STORE: 'sqlite::memory:' }],
    ['the store', 'store', { SECRETS: 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2) }],
  ] as const)
    it(`demands ${left} at the first use, and not before`, () => {
      const { status, printed, warnings, stderr } = run(first, { ...building, ...given })
      assert.equal(status, 0, stderr)
      const error = `ConfigError Production needs ${needs}. Write createSessions`.slice(0, 52)
      assert.deepEqual(
        printed.split('\n').map((line) => line.slice(0, error.length)),
        [error, error, error],
      )
      assert.equal(warnings, 0)
    })

  it('refuses wrong options all the same', () => {
    for (const wrong of [{ SECRETS: 'keyboard cat' }, { STORE: 'nowhere:' }]) {
      const { status, stderr } = run(first, { ...building, ...wrong })
      assert.equal(status, 1)
      assert.match(stderr, /ConfigError/)
    }
  })

  it('is no excuse for what it has built: the server demands them when it starts', () => {
    const { status, stderr } = run(first, { ...building, NEXT_PHASE: 'phase-production-server' })
    assert.equal(status, 1)
    assert.match(stderr, /ConfigError: Production needs secrets and store/)
  })
})
