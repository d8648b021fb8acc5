import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import type { Clock } from '../../packages/strongroom/src/store.ts'
import { Project, SLOW } from './project.ts'

const DAY = 86_400_000

for (const [engine, url] of [
  ['sqlite', 'sqlite:./sessions.db'],
  ['file', 'file:./sessions'],
] as const) {
  suite(`clear-expired on ${engine}`, () => {
    let project: Project
    const store = (clock: Clock) =>
      engine === 'sqlite'
        ? sqlite({ path: project.path('sessions.db'), clock })
        : file({ dir: project.path('sessions'), clock, durable: false })
    before(async () => {
      project = new Project()
      project.writeConfig(url)
      await project.fill(store, { user: 'ada', count: 2 })
    })
    after(() => project.remove())
    const live = async () => JSON.parse((await project.run(['stats', '--json'])).out)

    test('clear-expired removes exactly the expired sessions, and prints their number', async () => {
      await project.fill(store, { user: 'ada', count: 5, age: DAY })
      const { code, out, err } = await project.run(['clear-expired'])
      assert.deepEqual([code, out, err], [0, 'Removed 5 expired sessions.\n', ''])
      const again = await project.run(['clear-expired'])
      assert.deepEqual([again.code, again.out], [0, 'Nothing has expired.\n'])
      assert.equal((await live()).live, 2)
    })

    test('clearsessions, the name in Django, is the same command', async () => {
      await project.fill(store, { count: 1, age: DAY })
      const { code, out } = await project.run(['clearsessions'])
      assert.deepEqual([code, out], [0, 'Removed 1 expired session.\n'])
    })

    test('clear-expired --dry-run counts and removes nothing', async () => {
      await project.fill(store, { count: 3, age: DAY })
      const { code, out } = await project.run(['clear-expired', '--dry-run'])
      assert.deepEqual([code, out], [0, '3 expired sessions. Nothing was removed.\n'])
      assert.equal((await live()).expired, 3)
    })

    test('clear-expired --json prints one object at the end', async () => {
      const result = (out: string) => {
        assert.equal(out.split('\n').length, 2)
        const { milliseconds, ...rest } = JSON.parse(out)
        assert.ok(Number.isInteger(milliseconds) && milliseconds >= 0)
        return rest
      }
      const dry = await project.run(['clear-expired', '--json', '--dry-run'])
      assert.deepEqual(result(dry.out), { engine, dryRun: true, count: 3, complete: true })
      const { out } = await project.run(['clear-expired', '--json', '--batch', '1'])
      assert.deepEqual(result(out), { engine, dryRun: false, count: 3, complete: true })
    })

    test('two runs of clear-expired in parallel remove each session once', async () => {
      await project.fill(store, { user: 'ada', count: 300, age: DAY })
      const run = () => project.run(['clear-expired', '--json', '--batch', '7'])
      const results = await Promise.all([run(), run()])
      const counts = results.map(({ code, out, err }) => {
        assert.deepEqual([code, err], [0, ''])
        return JSON.parse(out).count
      })
      assert.equal(counts[0] + counts[1], 300)
      assert.equal((await live()).live, 2)
    })
  })
}

suite('a long clear-expired', () => {
  let project: Project
  const store = (clock: Clock) => sqlite({ path: project.path('sessions.db'), clock })
  before(async () => {
    project = new Project()
    project.writeConfig('unused', 'unused.ts')
    project.write('strongroom.config.ts', SLOW)
    await project.fill(store, { count: 8, age: DAY })
  })
  after(() => project.remove())

  // The last one is what a terminal sends that is closed.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    test(`${signal} stops clear-expired between two batches, with a count and exit code 130`, async () => {
      const steps = [{ when: /prints 2/, send: signal }]
      const { code, out, err } = await project.run(['clear-expired', '--batch', '1'], { steps })
      assert.equal(code, 130)
      assert.match(err, /^strongroom: Interrupted\. Run it again to continue\.$/m)
      const done = Number(/^Removed (\d) expired sessions( in .*)? so far\.$/m.exec(out)?.[1])
      assert.ok(done >= 2 && done < 8, out)
      await project.fill(store, { count: done, age: DAY })
    })
  }

  test('clear-expired --json, interrupted, is not complete, and what a config prints is not in the result', async () => {
    const steps = [{ when: /prints 2/, send: 'SIGINT' as const }]
    const { code, out } = await project.run(['clear-expired', '--batch', '1', '--json'], { steps })
    assert.equal(code, 130)
    const { count, complete } = JSON.parse(out)
    assert.equal(complete, false)
    assert.ok(count >= 2 && count < 8)
    await project.fill(store, { count, age: DAY })
  })

  test('clear-expired prints about once a second to a log how far it is, and how fast', async () => {
    const { code, out } = await project.run(['clear-expired', '--batch', '1'])
    assert.equal(code, 0)
    const lines = out.trimEnd().split('\n')
    const last = /^Removed 8 expired sessions in (\d+(?:\.\d)?) s \(\d a second\)\.$/.exec(lines.pop() ?? '')
    assert.ok(lines.length <= Number(last?.[1]), out)
    assert.ok(lines.length > 0 && lines.every((line) => /^Removed \d sessions so far, \d a second\.$/.test(line)), out)
  })
})
