import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, beforeEach, suite, test } from 'node:test'
import { hasLabel, KEYS } from '../../packages/strongroom/src/backing/own-entries.ts'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { rows } from '../core/fixtures/other-framework.ts'
import { need } from '../support/need.ts'
import { Project, SECRET } from './project.ts'

const DAY = 86_400_000
const script =
  process.platform === 'linux' ? need('script') : { skip: 'only the script of util-linux, on Linux', path: '' }

suite('move', () => {
  const projects: Project[] = []
  let project: Project
  let urls: string[]
  beforeEach(() => {
    project = new Project()
    projects.push(project)
    urls = ['--from', `file:${project.path('old')}`, '--to', `sqlite:${project.path('new.db')}`]
  })
  after(() => {
    for (const each of projects) each.remove()
  })
  const fill = (count: number, age = 0) =>
    project.fill((clock) => file({ dir: project.path('old'), clock, durable: false }), { user: 'ada', count, age })

  test('move moves live sessions, with their handles and device labels', async () => {
    const handles = await fill(12)
    await fill(3, DAY)
    const { code, out, err } = await project.run(['move', ...urls])
    assert.deepEqual([code, err], [0, ''])
    assert.deepEqual(out.replace(/ in \d.*\)/, '').split('\n'), [
      'Moved 12 sessions from file to sqlite.',
      'Compared byte by byte, and identical: 12 sessions.',
      'Live now in file: 0; in sqlite: 12.',
      '',
    ])
    const store = sqlite(project.path('new.db'))
    const sessions = createSessions({ store, secrets: SECRET, sweep: false })
    const devices = await sessions.of('ada').list()
    assert.deepEqual(devices.map(({ handle }) => handle).sort(), handles.sort())
    assert.ok(devices.every(({ label }) => label === 'Firefox on Linux'))
    await store.close()
  })

  test('move run again has nothing to do, and says so', async () => {
    await fill(2)
    await project.run(['move', ...urls])
    const { code, out } = await project.run(['move', ...urls, '--json'])
    assert.equal(code, 0)
    const { moved, remaining, present, complete, from, to } = JSON.parse(out)
    assert.deepEqual([moved, remaining, present, complete, from, to], [0, 0, 2, true, 'file', 'sqlite'])
  })

  test('move --dry-run counts and changes nothing', async () => {
    await fill(4)
    const { code, out } = await project.run(['move', ...urls, '--dry-run'])
    assert.equal(code, 0)
    assert.match(out, /^4 sessions would be moved from file to sqlite\. Nothing was changed\.$/m)
    assert.match(out, /^Live now in file: 4; in sqlite: 0\.$/m)
  })

  test('SIGINT stops move between two pages, and the next run continues', async () => {
    // Progress is told once a second. So many take longer than that on any machine.
    await fill(2000)
    const steps = [{ when: /Moved \d+ sessions so far/, send: 'SIGINT' as const }]
    const slow = ['--page', '1']
    const first = await project.run(['move', ...urls, ...slow], { steps })
    assert.equal(first.code, 130)
    assert.match(first.err, /Interrupted\. Run it again to continue\./)
    const moved = Number(/^Moved (\d+) sessions .* so far\.$/m.exec(first.out)?.[1])
    assert.ok(moved > 0 && moved < 2000, first.out)
    const { out } = await project.run(['move', ...urls, '--json'])
    const report = JSON.parse(out)
    assert.deepEqual([report.moved, report.remaining, report.present], [2000 - moved, 0, 2000])
  })

  /** An entry that the new store will refuse. */
  async function refused(label: Uint8Array | null) {
    const store = file(project.path('old'))
    const id = 'a'.repeat(64) as never
    const bytes = new Uint8Array(2 ** 20)
    const now = Date.now()
    await store.create(id, { bytes, expiresAt: now + DAY, createdAt: now, owner: null, label })
    await store.close()
    const make = await import('node:sqlite')
    const database = new make.DatabaseSync(project.path('new.db'))
    const made = sqlite(database)
    await made.read(id)
    database.exec(`CREATE TRIGGER small BEFORE INSERT ON strongroom_sessions WHEN length(NEW.payload) > 100000
      BEGIN SELECT RAISE(ABORT, 'too large'); END`)
    database.close()
  }

  test('what the library keeps beside the sessions moves with them: it is not counted, and reported if it stays', async () => {
    await fill(3)
    await refused(KEYS)
    const { code, out, err } = await project.run(['move', ...urls, '--json'])
    const { moved, failed, remaining, present } = JSON.parse(out)
    assert.deepEqual([moved, failed, remaining, present, code], [3, 1, 0, 3, 1])
    assert.match(err, /^strongroom: 0 sessions left in the old store: 1 that the new store refused/)
    const store = sqlite(project.path('new.db'))
    const labels = (await rows(store)).filter((row) => hasLabel(row, KEYS))
    await store.close()
    assert.equal(labels.length, 1)
  })

  test('a session that the new store refuses stays in the old store, and the exit code is 1', async () => {
    await fill(3)
    await refused(null)
    const { code, out, err } = await project.run(['move', ...urls, '--json'])
    assert.equal(code, 1)
    assert.deepEqual([JSON.parse(out).moved, JSON.parse(out).failed, JSON.parse(out).remaining], [3, 1, 1])
    const { firstError } = JSON.parse(out)
    assert.equal(firstError, 'A call to the session database failed. The cause says why.')
    assert.equal(
      err,
      `strongroom: 1 session left in the old store: 1 that the new store refused or did not return. ${firstError} Running it again will not help until that is mended.\n`,
    )
  })

  test('incorrect use of move ends with one line and exit code 2, and creates nothing', async () => {
    await fill(1)
    const old = `file:${project.path('old')}`
    const fresh = `sqlite:${project.path('fresh.db')}`
    for (const [args, message] of [
      [['--to', fresh], /required option '--from <url>' not specified/],
      [['--from', old], /required option '--to <url>' not specified/],
      [['--from', old, '--to', old], /are the same store/],
      [['--from', `file:${project.path('nowhere')}`, '--to', fresh], /nowhere does not exist, and nothing was created/],
      [['--from', 'memory:', '--to', fresh], /belongs to one process/],
      [['--from', old, '--to', 'memory:'], /belongs to one process/],
      [['--from', 'cookie:', '--to', fresh], /cookie: saves sessions in the cookie itself/],
      [['--from', 'carrier-pigeon:', '--to', fresh], /Unknown store URL/],
      [['--from', old, '--to', fresh, '--page', '0'], /'--page <n>' argument '0' is invalid/],
    ] as const) {
      const { code, out, err } = await project.run(['move', ...args])
      assert.deepEqual([code, out], [2, ''], err)
      assert.match(err, /^strongroom: [^\n]+\n$/)
      assert.match(err, message)
    }
    assert.equal(existsSync(project.path('fresh.db')), false)
  })

  test('move asks on a terminal whether all nodes are ready', { skip: script.skip }, async () => {
    await fill(5)
    const question = /Does every running node use both stores, as moving\(\{ from, to \}\) in phase "move"\?/
    const no = await project.runOnTerminal(script.path, ['move', ...urls], {
      steps: [{ when: question, type: '\r' }],
    })
    assert.equal(no.code, 130)
    assert.match(no.out, /Nothing was changed\./)
    const yes = await project.runOnTerminal(script.path, ['move', ...urls], { steps: [{ when: question, type: 'y' }] })
    assert.equal(yes.code, 0)
    assert.match(yes.out, /Counting the sessions to move …/)
    assert.match(yes.out, /Moved 5 sessions from file to sqlite/)
    const sure = await project.runOnTerminal(script.path, ['move', ...urls, '--yes'])
    assert.match(sure.out, /Moved 0 sessions/)
  })
})
