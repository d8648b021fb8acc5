import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { after, afterEach, before, beforeEach, suite, test } from 'node:test'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import type { Clock } from '../../packages/strongroom/src/store.ts'
import { need } from '../support/need.ts'
import { Project, type RunOptions, SLOW } from './project.ts'

const DAY = 86_400_000
const ENTER = '\r'
const UP = '\u001b[A'
const DOWN = '\u001b[B'
const CTRL_C = '\u0003'
const ESCAPE = '\u001b'

// The options are those of util-linux. On other systems, script takes other options.
const script =
  process.platform === 'linux' ? need('script') : { skip: 'only the script of util-linux, on Linux', path: '' }
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what the test looks for
const COLOURS = /\u001b\[\d*(?:;\d+)*m/g

suite('on a terminal', { skip: script.skip }, () => {
  let project: Project
  const store = (clock: Clock) => sqlite({ path: project.path('sessions.db'), clock })
  const run = (args: readonly string[], options?: RunOptions) => project.runOnTerminal(script.path, args, options)
  before(() => {
    project = new Project()
    project.writeConfig('sqlite:./sessions.db')
    project.write('slow.ts', SLOW)
  })
  after(() => project.remove())

  test('clear-expired draws a bar and ends with what it removed', async () => {
    await project.fill(store, { count: 5, age: DAY })
    const { code, out } = await run(['clear-expired', '--batch', '1', '--config', 'slow.ts'])
    assert.equal(code, 0)
    assert.match(out, /━.* [1-5] of 5, [1-9]\d* a second/)
    assert.match(out, /Removed 5 expired sessions in \d+(\.\d)? s \(\d+ a second\)\.\r\n$/)
    assert.match(out, COLOURS)
  })

  test('doctor breaks its lines between words', async () => {
    const { code, out } = await run(['doctor'])
    assert.equal(code, 1)
    const lines = out.replaceAll(COLOURS, '').split('\r\n')
    assert.deepEqual(
      lines.filter((line) => line.length > 100),
      [],
    )
    assert.match(lines.join('\n'), /^ {2}! NODE_ENV .*\n {4}\S.*\(node-env\)$/m)
  })

  test('Ctrl-C stops clear-expired between two batches and restores the terminal', async () => {
    await project.fill(store, { count: 5, age: DAY })
    // Escape must do nothing. Clack would end the process in the middle of a batch.
    const steps = [
      { when: /1 of 5/, type: ESCAPE + ENTER },
      { when: /2 of 5/, type: CTRL_C },
    ]
    const { code, out } = await run(['clear-expired', '--batch', '1', '--config', 'slow.ts'], { steps })
    assert.equal(code, 130)
    assert.match(out, /Stopping after this batch …/)
    const done = Number(/Removed (\d) expired sessions?( in .*)? so far\./.exec(out)?.[1])
    assert.ok(done >= 2 && done < 5, out)
    assert.ok(out.lastIndexOf('\u001b[?25h') > out.lastIndexOf('\u001b[?25l'), 'the cursor is shown again')
    const left = JSON.parse((await project.run(['clear-expired', '--json'])).out)
    assert.equal(left.count, 5 - done)
  })

  test('without colours there is only the count, and no bar', async () => {
    await project.fill(store, { count: 5, age: DAY })
    const env = { NO_COLOR: '1' }
    const { code, out } = await run(['clear-expired', '--batch', '1', '--config', 'slow.ts'], { env })
    assert.equal(code, 0)
    assert.match(out, /[1-5] of 5/)
    assert.doesNotMatch(out, /━/)
    assert.doesNotMatch(out, COLOURS)
  })

  test('tables respect NO_COLOR, too', async () => {
    await project.fill(store, { user: 'ada' })
    const coloured = await run(['list', '--user', 'ada'])
    assert.match(coloured.out, COLOURS)
    const plain = await run(['list', '--user', 'ada'], { env: { NO_COLOR: '1' } })
    assert.doesNotMatch(plain.out, COLOURS)
    assert.match(plain.out, /^Handle +Began/m)
  })

  test('the terminal of a CI system gets lines instead of a bar, and no questions', async () => {
    const env = { CI: 'true' }
    await project.fill(store, { count: 2, age: DAY })
    const swept = await run(['clear-expired'], { env })
    assert.equal(swept.out, 'Removed 2 expired sessions.\r\n')
    await project.fill(store, { user: 'ci' })
    const ended = await run(['revoke-all', '--user', 'ci'], { env })
    assert.equal(ended.out, 'Ended 1 session.\r\n')
  })

  test('revoke-all asks, with the number of sessions, and ends none when the answer is no', async () => {
    await project.fill(store, { user: 'asked', count: 2 })
    const no = await run(['revoke-all', '--user', 'asked'], {
      steps: [{ when: /End 2 sessions of this user\?/, type: ENTER }],
    })
    assert.equal(no.code, 130)
    assert.match(no.out, /strongroom: Nothing was changed\.\r\n$/)
    const cancelled = await run(['revoke-all', '--user', 'asked'], {
      steps: [{ when: /of this user\?/, type: CTRL_C }],
    })
    assert.equal(cancelled.code, 130)
    const yes = await run(['revoke-all', '--user', 'asked'], { steps: [{ when: /of this user\?/, type: 'y' }] })
    assert.equal(yes.code, 0)
    assert.match(yes.out, /Ended 2 sessions\.\r\n$/)
  })

  test('revoke-all does not ask with --yes, or when there is nothing to end', async () => {
    await project.fill(store, { user: 'sure' })
    const sure = await run(['revoke-all', '--user', 'sure', '--yes'])
    assert.equal(sure.out, 'Ended 1 session.\r\n')
    const none = await run(['revoke-all', '--user', 'sure'])
    assert.equal(none.out, 'Ended 0 sessions.\r\n')
  })

  test('keys new says what to do with the secret', async () => {
    const { code, out } = await run(['keys', 'new'])
    assert.equal(code, 0)
    assert.match(out, /^[\w-]{43}\r\nstrongroom: put it first in STRONGROOM_SECRETS/)
  })
})

suite('init on a terminal', { skip: script.skip }, () => {
  let project: Project
  const run = (args: readonly string[], options?: RunOptions) => project.runOnTerminal(script.path, args, options)
  const written = (name: string) => readFileSync(project.path(name), 'utf8')
  beforeEach(() => {
    project = new Project()
  })
  afterEach(() => project.remove())

  test('init asks, and Enter chooses the defaults', async () => {
    const steps = [
      { when: /Where should sessions be stored\?/, type: ENTER },
      { when: /Which language/, type: ENTER },
    ]
    const { code, out } = await run(['init'], { steps })
    assert.equal(code, 0, out)
    assert.match(written('strongroom.config.ts'), /store: 'sqlite:\.\/sessions\.db'/)
    assert.match(written('.env'), /^STRONGROOM_SECRETS=[\w-]{43}\n$/)
  })

  test('init takes another URL, and JavaScript', async () => {
    const steps = [
      { when: /Where should sessions be stored\?/, type: UP + ENTER },
      { when: /What is its URL\?/, type: `file:./kept${ENTER}` },
      { when: /Which language/, type: DOWN + ENTER },
    ]
    const { code, out } = await run(['init'], { steps })
    assert.equal(code, 0, out)
    assert.match(written('strongroom.config.mjs'), /store: 'file:\.\/kept'/)
  })

  for (const [label, index, url, driver] of [
    ['PostgreSQL', 1, 'postgres://localhost/app_two', 'pg'],
    ['MySQL or MariaDB', 2, 'mysql://localhost/app_two', 'mysql2'],
    ['Redis or Valkey', 3, 'redis://localhost:6379/2', 'ioredis'],
    ['memcached', 4, 'memcached://localhost:11211,two:11211', null],
  ] as const)
    test(`init offers ${label}, completes its URL, and names the package to install`, async () => {
      const typed = /(?:_two|\/2|,two:11211)$/.exec(url)?.[0]
      const steps = [
        { when: /Where should sessions be stored\?/, type: DOWN.repeat(index) + ENTER },
        { when: /What is its URL\?/, type: `${typed}${ENTER}` },
        { when: /Which language/, type: ENTER },
      ]
      const { code, out } = await run(['init'], { steps })
      assert.equal(code, 0, out)
      assert.ok(out.includes(label), out)
      assert.ok(written('strongroom.config.ts').includes(`store: '${url}'`), written('strongroom.config.ts'))
      assert.equal(/npm install (\S+)/.exec(out)?.[1] ?? null, driver)
    })

  test('init does not ask for what the options say', async () => {
    const { code, out } = await run(['init', '--store', 'memory:', '--ts'])
    assert.equal(code, 0, out)
    assert.match(written('strongroom.config.ts'), /store: 'memory:'/)
  })

  test('Ctrl-C in init changes nothing', async () => {
    const { code, out } = await run(['init'], { steps: [{ when: /Where should sessions be stored\?/, type: CTRL_C }] })
    assert.equal(code, 130)
    assert.match(out, /Nothing was changed\./)
    assert.deepEqual(
      [existsSync(project.path('.env')), existsSync(project.path('strongroom.config.ts'))],
      [false, false],
    )
  })
})
