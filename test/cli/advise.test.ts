import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { Advice } from '../../packages/cli/src/advise/index.ts'
import { recordedReport } from '../../packages/cli/src/lab/index.ts'
import { reportWith } from '../advise/report.ts'
import { need } from '../support/need.ts'
import { Project, type RunOptions } from './project.ts'

const ENTER = '\r'
const SPACE = ' '
const DOWN = '\u001b[B'
const script =
  process.platform === 'linux' ? need('script') : { skip: 'only the script of util-linux, on Linux', path: '' }

suite('advise', () => {
  let project: Project
  beforeEach(() => {
    project = new Project()
    project.write('lab.json', JSON.stringify(reportWith()))
  })
  afterEach(() => project.remove())

  const read = (name: string) => readFileSync(project.path(name), 'utf8')
  const advise = (args: readonly string[], options?: RunOptions) =>
    project.run(['advise', '--report', 'lab.json', ...args], options)
  const DURABLE = ['--property', 'durable,private-on-server', '--have', 'postgres', '--servers', '3'] as const
  const LOAD = ['--sessions', '1000000', '--requests', '5000', '--logins', '20'] as const

  test('prints what to run, why, what is given up, sizes and a config, in 80 columns', async () => {
    const { code, out } = await advise([...DURABLE, ...LOAD])
    assert.equal(code, 0)
    assert.match(out, /^1\. postgres, seal two-key\n {3}Why +held: kill the store in the middle of writes,/m)
    assert.match(out, /^ {3}Gives up broken: put an old row back/m)
    assert.match(out, /^ {3}More +docs\/postgres\.md$/m)
    assert.match(out, /By the lab's run of 2026-11-29/)
    assert.match(out, /disk = 1,000,000 sessions × 2,247 bytes = 2\.09 GB$/m)
    assert.match(out, /^ {2}\[1\] +docs\/operations\.md$/m)
    assert.match(out, /^ {2}store: 'postgres:\/\/localhost\/app',$/m)
    assert.match(out, /^- Create the table: npx @strongroom\/cli migrate$/m)
    // Of the config, lines are as they are in the file.
    const [text = ''] = out.split('To copy into')
    assert.deepEqual(
      text.split('\n').filter((line) => [...line].length > 80),
      [],
    )
  })

  test('without --report, advises by the run of the lab that comes with the package', async () => {
    const { code, out } = await project.run(['advise', '--property', 'private-on-server'])
    assert.equal(code, 0)
    assert.match(out, /^ {3}Why +held: /m)
    assert.match(out, new RegExp(`By the lab's run of ${recordedReport().at.slice(0, 10)}`))
    assert.doesNotMatch(out, /no lab run is recorded/i)
  })

  test('--all shows every engine, and why others are ruled out', async () => {
    const { out } = await advise([...DURABLE, '--all'])
    assert.match(out, /^- memcached, two-key: broken: kill the store in the middle of writes \(the note$/m)
    assert.match(out, /^- sqlite, two-key: 3 servers cannot share it\.$/m)
    assert.match(out, /^5\. /m)
    const { out: short } = await advise(DURABLE)
    assert.match(short, /^\d+ more: see --all\.$/m)
    assert.match(short, /^Ruled out: \d+, such as /m)
  })

  test('--json has the whole advice, and the answers without addresses', async () => {
    const { code, out } = await advise([
      ...DURABLE.slice(0, 2),
      '--have',
      'postgres=postgres://db.example.com/app',
      '--json',
    ])
    assert.equal(code, 0)
    const { recommended, answers } = JSON.parse(out) as Advice & { answers: object }
    assert.equal(recommended[0]?.name, 'postgres, two-key')
    assert.match(recommended[0]?.config.typescript ?? '', /db\.example\.com/)
    assert.ok(!('urls' in answers))
  })

  test('exits with 1 when nothing holds, and says what would have to be left out', async () => {
    const { code, out, err } = await advise(['--property', 'durable,final'])
    assert.equal(code, 1)
    assert.match(out, /^- Without someone who writes to the database \(writes-database\), sqlite, two-key/m)
    assert.equal(err, 'strongroom: No engine gives all of this: see what it would take.\n')
    assert.doesNotMatch(out, /createSessions/)
  })

  test('names contradictory answers first', async () => {
    const { out } = await advise(['--property', 'final', '--need', 'nothing-stored'])
    assert.match(out, /^! final and nothing-stored: For a logout to be final, something must remember$/m)
    // The same answers, of which one sentence is enough.
    assert.doesNotMatch(out, /rule out every engine/)
    const { out: none } = await advise([
      '--property',
      'final',
      '--need',
      'devices',
      '--servers',
      '3',
      '--have',
      'postgres',
    ])
    assert.match(none, /^! final and devices and servers: Together they rule out every engine: final$/m)
  })

  test('--property all is everything that an application on these servers can mean', async () => {
    const properties = async (...args: string[]) =>
      (
        JSON.parse((await advise(['--property', 'all', '--json', ...args])).out) as {
          answers: { properties: string[] }
        }
      ).answers.properties
    assert.ok(!(await properties()).includes('shared'))
    assert.ok((await properties('--servers', '2')).includes('shared'))
  })

  test('unknown names, numbers and reports are refused with what is known', async () => {
    const refused = async (args: string[], message: RegExp) => {
      const { code, out, err } = await project.run(['advise', ...args])
      assert.deepEqual([code, out], [2, ''])
      assert.match(err, message)
    }
    await refused([], /Say what matters: --property all, or some of durable, private-on-server,/)
    await refused(['--property', 'fast'], /Known: all, durable, /)
    await refused(['--property', 'all', '--against', 'martians'], /Known: plants-cookie, /)
    await refused(['--property', 'all', '--servers', 'many'], /must be a number/)
    await refused(['--property', 'all', '--servers', '0'], /"servers" must be a whole number from 1/)
    await refused(['--property', 'all', '--lifetime', 'long'], /must be a duration/)
    await refused(['--property', 'all', '--report', 'gone.json'], /gone\.json could not be read/)
    project.write('old.json', '{"format":0}')
    await refused(
      ['--property', 'all', '--report', 'old.json'],
      /old\.json is not what strongroom lab --json of this version prints/,
    )
    project.write('half.json', '{"format":1,"rows":[]}')
    await refused(['--property', 'all', '--report', 'half.json'], /half\.json is not a whole report/)
    project.write('text.json', 'not JSON')
    await refused(['--property', 'all', '--report', 'text.json'], /text\.json is not JSON/)
  })

  test('a password among the arguments is refused, and repeated nowhere', async () => {
    for (const have of ['postgres=postgres://app:hunter2@db/app', 'oracle=oracle://app:hunter2@db']) {
      const { code, out, err } = await advise(['--property', 'durable', '--have', have])
      assert.equal(code, 2)
      assert.doesNotMatch(`${out}${err}`, /hunter2/)
    }
  })

  suite('--write', () => {
    test('writes a config and a secret that work', async () => {
      const { code, out } = await advise(['--property', 'durable', '--write'])
      assert.equal(code, 0)
      assert.match(out, /Wrote a new secret to \.env.*\n.*Wrote strongroom\.config\.ts \(sqlite, two-key\)\.\n$/)
      assert.match(
        read('strongroom.config.ts'),
        /^\/\/ sqlite, with the seal two-key\. Recommended by:\n\/\/ npx @strongroom\/cli advise --property durable\n/,
      )
      assert.equal((await project.run(['keys', 'list'])).code, 0)
      assert.equal((await project.run(['stats', '--json'])).code, 0)
    })

    test('never overwrites without being told to', async () => {
      project.write('strongroom.config.ts', '// mine\n')
      const { code, err } = await advise(['--property', 'durable', '--write'])
      assert.equal(code, 2)
      assert.match(err, /strongroom\.config\.ts already exists, and nothing was changed\. Replace it with --force\./)
      assert.equal(read('strongroom.config.ts'), '// mine\n')
      assert.ok(!existsSync(project.path('.env')))
      assert.equal((await advise(['--property', 'durable', '--write', '--force'])).code, 0)
      assert.match(read('strongroom.config.ts'), /createSessions/)
    })

    test('writes JavaScript where the name says so, refuses a second config, and a name of another kind', async () => {
      assert.equal((await advise(['--property', 'durable', '--write', 'strongroom.config.mjs'])).code, 0)
      assert.doesNotMatch(read('strongroom.config.mjs'), /interface/)
      const second = await advise(['--property', 'durable', '--write', 'strongroom.config.ts'])
      assert.match(second.err, /strongroom\.config\.mjs exists, and there must not be a second config/)
      assert.match(
        (await advise(['--property', 'durable', '--write', 'config.json'])).err,
        /ends with \.ts, \.mts, \.js or \.mjs/,
      )
    })

    test('with --json, the output is the advice alone', async () => {
      const { out, err } = await advise(['--property', 'durable', '--write', '--json'])
      assert.equal(JSON.parse(out).recommended[0].name, 'sqlite, two-key')
      assert.match(err, /Wrote strongroom\.config\.ts/)
    })

    test('writes nothing where there is nothing to recommend', async () => {
      assert.equal((await advise(['--property', 'durable,final', '--write'])).code, 1)
      assert.ok(!existsSync(project.path('strongroom.config.ts')))
    })
  })

  suite('on a terminal', { skip: script.skip }, () => {
    const run = (args: readonly string[], options?: RunOptions) =>
      project.runOnTerminal(script.path, ['advise', '--report', 'lab.json', ...args], options)

    test('asks what the options leave open, and no more', async () => {
      const { code, out } = await run(
        ['--servers', '1', '--processes', '1', '--bytes', '1000', '--lifetime', '1h', '--idle', '10m'],
        {
          steps: [
            { when: /What must the engine give\?/, type: SPACE + ENTER },
            { when: /Against someone who/, type: ENTER },
            { when: /What else\?/, type: ENTER },
            { when: /What is there already\?/, type: DOWN + SPACE + ENTER },
            { when: /How many sessions at a time\?/, type: `1000${ENTER}` },
            { when: /requests a second use their session\?/, type: ENTER },
            { when: /How many logins a second\?/, type: ENTER },
            { when: /in a hundred requests/, type: ENTER },
            { when: /How many processors/, type: ENTER },
            { when: /How much memory/, type: ENTER },
          ],
        },
      )
      const plain = stripVTControlCharacters(out)
      assert.equal(code, 0, plain)
      assert.match(plain, /1\. mysql, seal two-key/)
      // Nobody was left out, so that nobody is named.
      assert.doesNotMatch(plain, /--against/)
      assert.match(plain, /--property durable .*--have mysql/)
      assert.doesNotMatch(plain, /How many servers run/)
    })

    test('asks before it replaces a config, and a no changes nothing', async () => {
      project.write('strongroom.config.ts', '// mine\n')
      const question = /already exists\. Replace it\?/
      const no = await run(['--property', 'durable', '--write'], { steps: [{ when: question, type: ENTER }] })
      assert.equal(no.code, 130)
      assert.equal(read('strongroom.config.ts'), '// mine\n')
      const yes = await run(['--property', 'durable', '--write'], { steps: [{ when: question, type: 'y' }] })
      assert.equal(yes.code, 0)
      assert.match(read('strongroom.config.ts'), /createSessions/)
    })

    test('a number that cannot be is asked for again', async () => {
      const { code, out } = await run(['--against', 'reads-disk', '--need', 'merge', '--have', 'redis'], {
        steps: [
          { when: /What must the engine give\?/, type: SPACE + ENTER },
          { when: /How many servers run the application\?/, type: `x${ENTER}` },
          { when: /It must be a number/, type: `\u007f\u007f2${ENTER}` },
          { when: /How many processes on each\?/, type: '\u0003' },
        ],
      })
      assert.equal(code, 130, out)
    })
  })
})
