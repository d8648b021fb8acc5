import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { APPLICATION } from '../../packages/cli/src/lab/application.ts'
import { type Attack, NotRun } from '../../packages/cli/src/lab/attack.ts'
import { ATTACKS } from '../../packages/cli/src/lab/attacks/index.ts'
import { broken, held, notApplicable } from '../../packages/cli/src/lab/finding.ts'
import { ourRows } from '../../packages/cli/src/lab/ours.ts'
import { nodeProgram } from '../../packages/cli/src/lab/process.ts'
import type { Cell } from '../../packages/cli/src/lab/report.ts'
import { runLab } from '../../packages/cli/src/lab/run.ts'
import { startSite } from '../../packages/cli/src/lab/running.ts'
import type { Row } from '../../packages/cli/src/lab/site.ts'
import { NOTHING } from '../../packages/cli/src/lab/stores/memory.ts'

const rowNamed = (name: string): Row => {
  const found = ourRows().find((row) => row.name === name)
  assert.ok(found, name)
  return found
}

/** An attack that does what the test says. */
const attack = (name: string, run: Attack['run'], more: Partial<Attack> = {}): Attack => ({
  ...{ name, title: name, property: 'final', attacker: 'nobody', how: '', docs: 'docs/lab.md' },
  ...{ harmless: true, violent: false, promised: () => true },
  ...more,
  run,
})
const seen = [{ what: 'count', value: '1' }]
const cellsOf = async (attacks: Attack[], rows = [rowNamed('memory')], options = {}): Promise<readonly Cell[]> =>
  (await runLab({ rows, attacks, ...options })).cells

suite('a run of the lab', () => {
  test('reports each verdict as the attack found it, with what the attacker saw', async () => {
    const cells = await cellsOf([
      attack('a', async () => held('It failed.', seen)),
      attack('b', async () => broken('It worked.', seen)),
      attack('c', async () => notApplicable('There is nothing.')),
      attack('d', async () => {
        throw new NotRun('apt-get install postgresql')
      }),
    ])
    assert.deepEqual(
      cells.map(({ verdict }) => verdict),
      ['held', 'broken', 'not applicable', 'not run'],
    )
    assert.deepEqual(cells[0]?.evidence, seen)
    assert.equal(cells[3]?.summary, 'apt-get install postgresql')
  })

  test('looks again where an attack asks for it, when the others have run, and before anything is altered or killed', async () => {
    const order: string[] = []
    const step = (name: string, more?: Partial<Attack>) =>
      attack(name, async () => held('It failed.', [{ what: name, value: `${order.push(name)}` }]), more)
    const again = attack('again', async () => ({
      ...held('It failed.', seen),
      later: async () => broken('It came back.', [{ what: 'later', value: `${order.push('later')}` }]),
    }))
    const cells = await cellsOf([
      again,
      step('kill', { violent: true }),
      step('other'),
      step('alter', { harmless: false }),
    ])
    assert.deepEqual(order, ['other', 'later', 'alter', 'kill'])
    assert.deepEqual([cells[0]?.verdict, cells[0]?.summary], ['broken', 'It came back.'])
    order.length = 0
    await cellsOf([again, step('turn', { turnsClocks: true }), step('alter', { harmless: false })])
    assert.deepEqual(order, ['later', 'turn', 'alter'])
  })

  test('does not know what a second look would have found that failed', async () => {
    const later = async () => {
      throw new Error('The application responded with 503.')
    }
    const [cell] = await cellsOf([attack('a', async () => ({ ...held('It failed.', seen), later }))])
    assert.deepEqual([cell?.verdict, cell?.failed], ['not run', true])
  })

  test('takes an attack that ended without evidence for one that did not run', async () => {
    const [cell] = await cellsOf([attack('a', async () => held('It failed.', []))])
    assert.equal(cell?.verdict, 'not run')
    assert.match(cell?.summary ?? '', /does not say what it saw/)
  })

  test('takes an attack for not run when the application went away meanwhile, and goes on', async () => {
    const cells = await cellsOf([
      attack('a', async (site) => {
        await site.kill()
        return held('Nothing was accepted.', seen)
      }),
      attack('b', async () => held('It failed.', seen)),
    ])
    assert.deepEqual(
      cells.map(({ verdict, summary }) => [verdict, summary]),
      [
        ['not run', 'The application went away.'],
        ['held', 'It failed.'],
      ],
    )
  })

  test('ends an attack that hangs at its limit, and goes on', async () => {
    const hangs = attack('a', () => new Promise<never>(() => undefined))
    const cells = await cellsOf([hangs, attack('b', async () => held('It failed.', seen))], undefined, { limit: 3000 })
    assert.equal(cells[0]?.verdict, 'not run')
    assert.match(cells[0]?.summary ?? '', /did not end within 3 s/)
    assert.equal(cells[1]?.verdict, 'held')
  })

  test('marks what an interruption has left undone, and keeps what was found', async () => {
    const stop = new AbortController()
    const attacks = [
      attack('a', async () => held('It failed.', seen)),
      attack('b', async () => {
        stop.abort()
        return new Promise<never>(() => undefined)
      }),
      attack('c', async () => held('It failed.', seen)),
    ]
    const cells = await cellsOf(attacks, undefined, { signal: stop.signal })
    assert.deepEqual(
      cells.map(({ verdict }) => verdict),
      ['held', 'not run', 'not run'],
    )
    assert.match(cells[2]?.summary ?? '', /interrupted/)
  })

  test('runs violent attacks after all others, and nothing on a site after one of them', async () => {
    const urls: string[] = []
    const note = (name: string, violent: boolean) =>
      attack(
        name,
        async (site) => {
          urls.push(`${name} ${site.url}`)
          return held('It failed.', seen)
        },
        { violent },
      )
    await cellsOf([note('first', true), note('second', false), note('third', false), note('fourth', true)])
    assert.deepEqual(
      urls.map((line) => line.split(' ')[0]),
      ['second', 'third', 'first', 'fourth'],
    )
    const [second, third, first, fourth] = urls.map((line) => line.split(' ')[1])
    assert.deepEqual([second === third, third === first, first === fourth], [true, true, false])
  })

  test('lists cells by rows, then by attacks, whichever ended first', async () => {
    const report = await runLab({ rows: [rowNamed('sqlite'), rowNamed('memory')], attacks: ATTACKS.slice(0, 2) })
    assert.deepEqual(
      report.cells.map(({ row, attack: name }) => [row, name]),
      ['sqlite', 'memory'].flatMap((row) => ATTACKS.slice(0, 2).map(({ name }) => [row, name])),
    )
    assert.match(report.rows[0]?.version ?? '', /^strongroom \d.* on SQLite 3/)
  })
})

suite('an application that cannot start', () => {
  /** The application of our rows, on a store that it refuses. */
  const refused: Row = {
    ...rowNamed('memory'),
    start: () =>
      startSite({
        info: rowNamed('memory'),
        program: nodeProgram(APPLICATION),
        cookieName: 'sid',
        shared: false,
        backend: async () => ({
          settings: { store: 'nothing:' },
          storage: NOTHING,
          version: null,
          stop: async () => {},
        }),
      }),
  }

  test('has failed, for every attack: nobody would install what is not missing', async () => {
    const attacks = ['a', 'b'].map((name) => attack(name, async () => held('It failed.', seen)))
    const cells = await cellsOf(attacks, [refused])
    for (const { verdict, failed, summary } of cells) {
      assert.deepEqual([verdict, failed], ['not run', true])
      assert.match(summary, /^The application did not start: ConfigError: Unknown store URL/)
    }
  })

  test('is not to be blamed for a package that is missing', async () => {
    const missing: Row = { ...refused, start: () => Promise.reject(new NotRun('npm install pg')) }
    const attacks = ['a', 'b'].map((name) => attack(name, async () => held('It failed.', seen)))
    for (const cell of await cellsOf(attacks, [missing])) {
      assert.deepEqual([cell.verdict, cell.summary], ['not run', 'npm install pg'])
      assert.equal(cell.failed, undefined)
    }
  })
})
