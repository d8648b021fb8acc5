import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { ATTACKS } from '../../packages/cli/src/lab/attacks/index.ts'
import { matrixOf } from '../../packages/cli/src/lab/matrix.ts'
import type { Report } from '../../packages/cli/src/lab/report.ts'
import { allRows } from '../../packages/cli/src/lab/rows.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { root } from '../../scripts/packages.ts'
import { memcachedNeed } from '../servers/memcached.ts'
import { need } from '../support/need.ts'
import { main, Project, SECRET } from './project.ts'

const project = new Project()
after(() => project.remove())
// The options are those of util-linux. On other systems, script takes other options.
const script =
  process.platform === 'linux' ? need('script') : { skip: 'only the script of util-linux, on Linux', path: '' }
const FEW = ['--attack', 'replay-after-logout', 'read-a-backup']
const run = (...args: string[]) => project.run(['lab', ...args])

suite('strongroom lab', () => {
  test('prints one JSON value: a cell with its evidence for each engine and attack', async () => {
    const { code, out, err } = await run('--engine', 'sqlite, seal none', 'memory', ...FEW, '--json')
    assert.deepEqual([code, err], [0, ''])
    const report = JSON.parse(out) as Report
    assert.deepEqual(
      report.rows.map(({ name }) => name),
      ['memory', 'memory, seal two-key', 'sqlite, seal none'],
    )
    assert.equal(report.cells.length, 6)
    const read = report.cells.find(({ row, attack }) => row === 'sqlite, seal none' && attack === 'read-a-backup')
    assert.deepEqual([read?.verdict, read?.promised], ['broken', false])
    assert.ok(read?.evidence.some(({ value }) => /note [0-9a-f]{24}/.test(value)))
  })

  test('prints the matrix with a legend, and the counts', async () => {
    const { code, out } = await run('--engine', 'memory', 'sqlite, seal none', ...FEW)
    assert.equal(code, 0)
    assert.match(out, /^ +a {2}b {2}c$/m)
    assert.match(out, /^private on the server\nRead a backup +– {2}– {2}✗$/m)
    assert.match(out, /^Replay after logout +✓ {2}✓ {2}✓$/m)
    assert.match(out, /^c {2}sqlite, seal none +strongroom \S+ on SQLite 3/m)
    assert.match(out, /✓ held .* ✗ broken, and no promise/)
    assert.match(
      out,
      /3 engines, 2 attacks: 3 held, 1 broken \(0 of them promised\), 2 with nothing to attack, 0 not run\./,
    )
  })

  test('says in a sentence what each attack found, where there is one engine', async () => {
    const { out } = await run('--engine', 'sqlite, seal none', ...FEW)
    assert.match(out, /^✗ Read a backup \(read-a-backup\)\n {2}The note can be read in the backup\.$/m)
  })

  test('lists the known names for an unknown one', async () => {
    for (const [args, known] of [
      [['--engine', 'mongodb'], /No engine is called "mongodb"\. Known: memory, .*"cookie, sealed".*iron-session/],
      [['--attack', 'social-engineering'], /No attack is called "social-engineering"\. Known: kill-the-store, .*/],
    ] as const) {
      const { code, out, err } = await run(...args)
      assert.deepEqual([code, out], [2, ''])
      assert.match(err, known)
    }
  })

  test('refuses --env without --config, which would be ignored', async () => {
    const { code, err } = await run('--env', 'other.env')
    assert.equal(code, 2)
    assert.match(err, /--env is for --config/)
  })

  test('lists all names without running anything', async () => {
    const { code, out } = await run('--list', '--peers')
    assert.equal(code, 0)
    for (const { name } of [...allRows(), ...ATTACKS]) assert.ok(out.includes(name), name)
  })

  test('ends with code 1 when nothing could be run on an engine that was named', async () => {
    const { code, out, err } = await run('--engine', 'iron-session', ...FEW)
    assert.equal(code, 1)
    assert.match(out, /\? iron-session: .*npm install .*iron-session/)
    assert.match(err, /Nothing was run on iron-session, which --engine names\./)
  })
})

suite('strongroom lab --config', () => {
  test('attacks a configuration, finds its weak cookie, and leaves its store as it was', async () => {
    project.write('.env', 'STRONGROOM_SECRETS=Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx\n')
    project.write(
      'strongroom.config.ts',
      `import { createSessions } from 'strongroom'
export default createSessions({
  secrets: process.env.STRONGROOM_SECRETS, store: 'sqlite:./app.db', cookie: { name: 'sid', secure: false } })\n`,
    )
    const path = project.path('app.db')
    // A user of theirs with a name that attacks use, too.
    await project.fill((clock) => sqlite({ path, clock }), { user: 'ada', count: 2 })
    const before = await project.run(['stats', '--store', 'sqlite:./app.db', '--namespace', '__Host-id', '--json'])
    const { code, out, err } = await run('--config')
    assert.match(out, /^! .*\(cookie-attributes\)$/m, err)
    assert.match(out, /^✓ Replay after logout \(replay-after-logout\)$/m)
    assert.equal(code, 1)
    // There is a store that others could share, and that fills; nobody has looked.
    for (const name of ['two-servers', 'cached-copy', 'session-limit', 'unmet-secret', 'renewals-pile-up'])
      assert.match(out, new RegExp(`^\\? .*\\(${name}\\)$`, 'm'))
    assert.match(err, /1 attack succeeded that the documents promise to fail/)
    const afterwards = await project.run(['stats', '--store', 'sqlite:./app.db', '--namespace', '__Host-id', '--json'])
    assert.deepEqual(JSON.parse(afterwards.out).live, JSON.parse(before.out).live)
    const own = await project.run(['stats', '--store', 'sqlite:./app.db', '--namespace', 'sid', '--json'])
    assert.equal(JSON.parse(own.out).live, 0, 'the sessions of the attack are over')
  })

  test('counts and names what a store does not promise, and what it lacks', async () => {
    const config = (own: string) =>
      project.write(
        'weak.config.ts',
        `import { createSessions } from 'strongroom'
import { memory } from 'strongroom/memory'
const own = { ${own} }
const inner = memory()
const store = new Proxy(inner, {
  has: (target, name) => name in target && !(name in own && own[name] === undefined),
  get: (target, name) => {
    const found = name in own ? own[name] : target[name]
    return typeof found === 'function' ? found.bind(target) : found
  },
})
export default createSessions({ secrets: '${SECRET}', seal: 'two-key', store })\n`,
      )
    const few = ['--attack', 'replay-after-logout', 'replay-after-revoke-all']
    config('traits: { ...memory().traits, revocable: false }, delete: async () => true')
    const deaf = await run('--config', 'weak.config.ts', ...few)
    assert.equal(deaf.code, 0, deaf.err)
    assert.match(
      deaf.out,
      /1 attack succeeded where this store promises nothing \(its traits say revocable: false\), .*: Replay after logout\.$/m,
    )
    config('byOwner: undefined')
    const poor = await run('--config', 'weak.config.ts', ...few)
    assert.equal(poor.code, 0, poor.err)
    assert.match(
      poor.out,
      /^1 promise of such an engine could not be tested, .*: Replay after "log out everywhere"\.$/m,
    )
    assert.doesNotMatch(poor.out, /promises nothing/)
  })

  test('ends with code 1 when a promise is broken', async () => {
    const { code } = await run('--config', '--attack', 'cookie-attributes', '--json')
    assert.equal(code, 1)
  })

  test('refuses attacks that could do harm, and a folder without a configuration', async () => {
    const { code, err } = await run('--config', '--attack', 'alter-rows')
    assert.equal(code, 2)
    assert.match(err, /None of these attacks is harmless/)
    const missing = await run('--config', 'other.config.ts')
    assert.equal(missing.code, 2)
    assert.match(missing.err, /other\.config\.ts does not exist/)
  })
})

/** The lab as a process, in a folder that has the drivers of this repository. */
const start = (...args: string[]): ChildProcess => startIn({}, [process.execPath, main, 'lab', ...args, '--json'])

function startIn(env: Readonly<Record<string, string>>, [command = '', ...args]: readonly string[]): ChildProcess {
  const folder = mkdtempSync(project.path('with-drivers-'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return spawn(command, args, {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: tmpdir(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** For temporary files, of which those who run the servers can reach their own. */
function newTmp(): string {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-test-lab-'))
  chmodSync(folder, 0o711)
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

interface Process {
  readonly pid: number
  readonly name: string
}

/** Processes that this one has started. A zombie has ended, although nobody has asked for its exit code. */
function childrenOf(parent: number | undefined): Process[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const [, name = '', state, of] = /\((.*)\) (\S) (\d+)/.exec(stat) ?? []
      return Number(of) === parent && state !== 'Z' ? [{ pid: Number(pid), name }] : []
    } catch {
      return []
    }
  })
}

const isRunning = ({ pid, name }: Process): boolean => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.includes(`(${name})`) && !stat.includes(') Z ')
  } catch {
    return false
  }
}

async function reportOf(child: ChildProcess): Promise<{ code: number; report: Report; err: string }> {
  let [out, err] = ['', '']
  child.stdout?.on('data', (chunk) => {
    out += chunk
  })
  child.stderr?.on('data', (chunk) => {
    err += chunk
  })
  const [code] = (await once(child, 'close')) as [number]
  return { code, report: JSON.parse(out) as Report, err }
}

async function until<T>(find: () => T | undefined): Promise<T> {
  for (;;) {
    const found = find()
    if (found !== undefined) return found
    await wait(10)
  }
}

suite('while the lab runs', { skip: memcachedNeed.skip }, () => {
  test('ends with code 1 when an attack did not run to its end, and runs the others on a new server', async () => {
    const child = start('--engine', 'memcached', '--attack', 'made-up-tokens', 'replay-after-logout')
    const ended = reportOf(child)
    const server = await until(() => {
      const children = childrenOf(child.pid)
      // The application is the second one.
      return children.length > 1 ? children.find(({ name }) => name === 'memcached')?.pid : undefined
    })
    process.kill(server, 'SIGKILL')
    const { code, report, err } = await ended
    const [tokens, replay] = report.cells
    assert.deepEqual([tokens?.verdict, tokens?.failed], ['not run', true])
    assert.equal(replay?.verdict, 'held')
    assert.equal(code, 1)
    assert.match(err, /did not run to the end/)
  })

  test('prints what was found when it is interrupted, and leaves no process behind', async () => {
    const child = start('--engine', 'memcached', 'sqlite')
    const ended = reportOf(child)
    const children = await until(() => {
      const found = childrenOf(child.pid)
      return found.length > 2 ? found : undefined
    })
    child.kill('SIGINT')
    const { code, report, err } = await ended
    assert.equal(code, 130)
    assert.match(err, /Interrupted/)
    assert.ok(report.cells.some(({ summary }) => summary === 'The run was interrupted.'))
    // A process that was killed is there until its parent, or the system in the parent's place, has noticed.
    await until(() => (children.some(isRunning) ? undefined : true))
  })

  test('removes what a run has left that was killed', async () => {
    const TMPDIR = newTmp()
    const few = ['--engine', 'sqlite', '--attack', 'replay-after-logout', '--json']
    const killed = startIn({ TMPDIR }, [process.execPath, main, 'lab', ...few])
    // With the folder of an engine in it: it is signed by then.
    const left = await until(() => readdirSync(TMPDIR).find((name) => readdirSync(join(TMPDIR, name)).length > 1))
    killed.kill('SIGKILL')
    await once(killed, 'exit')
    assert.deepEqual(readdirSync(TMPDIR), [left])
    assert.equal((await reportOf(startIn({ TMPDIR }, [process.execPath, main, 'lab', ...few]))).code, 0)
    assert.deepEqual(readdirSync(TMPDIR), [])
  })

  test('ends with the terminal that it runs on, and leaves nothing behind', { skip: script.skip }, async () => {
    const TMPDIR = newTmp()
    const command = `'${process.execPath}' '${main}' lab --engine memcached sqlite`
    const options = ['--quiet', '--return', '--flush', '--command', `exec ${command}`, '/dev/null']
    const terminal = startIn({ TMPDIR }, [script.path, ...options])
    terminal.stdout?.resume()
    const children = await until(() => {
      const [lab] = childrenOf(terminal.pid)
      const found = lab ? [lab, ...childrenOf(lab.pid)] : []
      return found.length > 3 ? found : undefined
    })
    terminal.kill('SIGKILL')
    await until(() => (children.some(isRunning) ? undefined : true))
    assert.deepEqual(readdirSync(TMPDIR), [])
  })
})

suite('the matrix', () => {
  const rows = allRows().map(({ start: _, ...row }) => ({ ...row, version: null }))
  const report: Report = {
    ...{ format: 1, at: '', machine: '', thorough: false, rows, attacks: ATTACKS },
    cells: rows.flatMap((row) =>
      ATTACKS.map((attack) => ({
        ...{ row: row.name, attack: attack.name, promised: true, summary: '', evidence: [], ms: 0 },
        verdict: 'held' as const,
      })),
    ),
  }

  test('fits into 80 columns, with every engine and attack in it once', () => {
    const { tables, letters } = matrixOf(report, 80)
    assert.equal(new Set(letters).size, rows.length)
    const titles = Math.max(
      ...tables.flatMap((table) => table.rows.map(([title = '']) => stripVTControlCharacters(title).length)),
    )
    for (const { head } of tables) assert.ok(titles + head.slice(1).reduce((sum, one) => sum + one.length + 2, 0) <= 80)
    const marks = tables.flatMap((table) => table.rows.flatMap(([, ...each]) => each.filter(Boolean)))
    assert.equal(marks.length, rows.length * ATTACKS.length)
  })

  test('tells a broken promise from what nobody promised', () => {
    const [row, attack] = [rows[0], ATTACKS[0]]
    assert.ok(row && attack)
    const marked = (promised: boolean) => {
      const cell = { row: row.name, attack: attack.name, promised, summary: '', evidence: [], ms: 0 }
      const { tables } = matrixOf(
        { ...report, rows: [row], attacks: [attack], cells: [{ ...cell, verdict: 'broken' }] },
        80,
      )
      return stripVTControlCharacters(tables[0]?.rows[1]?.[1] ?? '')
    }
    assert.deepEqual([marked(true), marked(false)], ['!', '✗'])
  })
})
