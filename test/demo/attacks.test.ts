import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { Attack } from '../../demo/attacks/attack.ts'
import { alteredCookies, alteredRows } from '../../demo/attacks/bits.ts'
import type { Verdict } from '../../demo/attacks/finding.ts'
import { attacks } from '../../demo/attacks/list.ts'
import { Runner } from '../../demo/attacks/run.ts'
import { Runs } from '../../demo/attacks/runs.ts'
import { sectionOf } from '../../demo/pages/documentation.ts'
import { KEY_HEADER, type Target } from '../../demo/targets/target.ts'
import { Targets } from '../../demo/targets/targets.ts'
import { sourceOf } from '../../demo/views/attack.ts'
import { root } from '../../scripts/packages.ts'
import { folder } from '../browser/running.ts'

const NOTE = 'the canary sings under the third flowerpot'

/** What each engine's documentation says, in the order of `attacks`: h held, b broken, n not applicable. */
const EXPECTED: Readonly<Record<string, string>> = {
  memory: 'hhhnnh',
  file: 'hhhbhh',
  sqlite: 'hhhbhh',
  'signed-cookie': 'bhhnnb',
  'sealed-cookie': 'bhhnnb',
  'revocable-cookie': 'hhhnhb',
  'express-session': 'hbbbhb',
  'express-session-regenerate': 'hhbbhb',
  'cookie-session': 'bhhnnb',
}
const VERDICT: Readonly<Record<string, Verdict>> = { h: 'held', b: 'broken', n: 'not applicable' }

suite('the attacks of the demo', { timeout: 120_000 }, () => {
  const cleanups: (() => unknown)[] = []
  const path = folder({ after: (done) => cleanups.push(done) })
  const key = 'the key of a test'
  let targets: Targets
  before(async () => {
    const secrets = randomBytes(32).toString('base64url')
    targets = await Targets.open({ folder: path, ownStore: null, key, secrets, plainCookie: false })
  })
  after(async () => {
    await targets.close()
    for (const cleanUp of cleanups) cleanUp()
  })
  const named = (name: string) => targets.running.find((target) => target.name === name) as Target
  const attackOf = (name: string) => attacks.find((attack) => attack.name === name) as Attack

  for (const [i, attack] of attacks.entries())
    test(`${attack.title}: every engine does what its documentation says`, async () => {
      const results = await new Runner(key).run(attack, targets.running, NOTE)
      const found = Object.fromEntries(results.map(({ target, verdict }) => [target, verdict]))
      const expected = Object.entries(EXPECTED).map(([name, verdicts]) => [name, VERDICT[verdicts[i] ?? '']])
      assert.deepEqual(found, Object.fromEntries(expected))
      for (const { target, promised, verdict, steps, summary } of results) {
        assert.ok(!promised || verdict !== 'broken', `${target} breaks its promise`)
        if (verdict !== 'not applicable') assert.ok(steps.length > 2, target)
        assert.match(summary, /\.$/)
      }
    })

  test('leave no session of their own behind', async () => {
    const target = named('express-session')
    const count = async () => (await target.files?.())?.length
    const before = await count()
    for (const name of ['race', 'stop', 'plant']) await new Runner(key).run(attackOf(name), [target], NOTE)
    assert.equal(await count(), before)
  })

  test('write down who did what, which status came back, and what each one held', async () => {
    const [result] = await new Runner(key).run(attackOf('come-back'), [named('sqlite')], NOTE)
    const steps = result?.steps.map(({ who, what, status }) => `${who} ${what.replace(/ada-\w+/, 'ada')} ${status}`)
    assert.deepEqual(steps, [
      'victim POST /login user=ada 200',
      `victim POST /note note=${NOTE} 200`,
      'thief copies the cookie of victim null',
      'victim POST /logout 200',
      'thief GET /me 200',
    ])
    const [, , copy, logout, last] = result?.steps ?? []
    assert.match(copy?.holds ?? '', /^__Host-sqlite=[\w-]{10}…$/)
    assert.equal(logout?.holds, 'no cookie')
    assert.equal(last?.answer, 'nobody is signed in')
  })

  test('show what somebody reads who has the row', async () => {
    const results = await new Runner(key).run(attackOf('put-back'), [named('sqlite'), named('express-session')], NOTE)
    const [own, peer] = results.map(
      ({ steps }) => steps.find(({ what }) => what.startsWith('reads the row'))?.holds ?? '',
    )
    assert.match(own ?? '', /^a sealed row, \d+ bytes: 11[0-9a-f]+…$/)
    assert.match(peer ?? '', /^a row that says ….*"user":"ada-/)
  })

  test('that run on one engine in parallel wait for each other, so that no outage is taken for a finding', async () => {
    const runner = new Runner(key)
    const [stop, come] = [attackOf('stop'), attackOf('come-back')]
    const all = await Promise.all([stop, come, stop, come].map((attack) => runner.run(attack, [named('sqlite')], NOTE)))
    assert.deepEqual(
      all.flat().map(({ verdict }) => verdict),
      ['held', 'held', 'held', 'held'],
    )
    assert.equal(runner.waiting, 0)
  })

  test('that cannot be finished are not run, and what they stopped is started again', async () => {
    let started = 0
    const outage = { how: 'stopped', stop: async () => undefined, start: async () => void started++ }
    const target = { ...named('memory'), outage }
    const attack: Attack = {
      ...attackOf('stop'),
      run: async ({ store }) => {
        await store.stop()
        throw new Error('the line was cut', { cause: new Error('ECONNRESET') })
      },
    }
    const [result] = await new Runner(key).run(attack, [target], NOTE)
    assert.equal(result?.verdict, 'not run')
    assert.match(result?.summary ?? '', /the line was cut \(ECONNRESET\)/)
    assert.equal(started, 1)
  })

  test('on an application that is gone are not run, and say so', async () => {
    const target = { ...named('memory'), url: 'http://127.0.0.1:1' }
    const [result] = await new Runner(key).run(attackOf('race'), [target], NOTE)
    assert.equal(result?.verdict, 'not run')
    assert.match(result?.summary ?? '', /could not be finished: fetch failed/)
  })

  test('that meet an error which they have not caused are not run: nothing was held', async () => {
    const target = named('file')
    assert.ok(typeof target.outage !== 'string')
    await target.outage.stop()
    for (const name of ['come-back', 'plant', 'flip', 'put-back', 'race']) {
      const [result] = await new Runner(key).run(attackOf(name), [target], NOTE)
      assert.equal(result?.verdict, 'not run', name)
      assert.match(result?.summary ?? '', /answered with 503, although nobody had stopped it/)
    }
    await target.outage.start()
  })

  test('reach applications that answer to nobody without the key', async () => {
    for (const { url, name } of targets.running) {
      assert.equal((await fetch(`${url}/me`)).status, 404, name)
      assert.equal((await fetch(`${url}/me`, { headers: { [KEY_HEADER]: 'guessed' } })).status, 404, name)
      assert.equal((await fetch(`${url}/me`, { headers: { [KEY_HEADER]: key } })).status, 200, name)
    }
  })

  test('mend what a demo that was killed in the middle of an outage has left', async (t) => {
    const cwd = folder(t)
    const secrets = randomBytes(32).toString('base64url')
    const options = { folder: cwd, ownStore: null, key, secrets, plainCookie: false }
    const first = await Targets.open(options)
    for (const { outage } of first.running) if (typeof outage !== 'string') await outage.stop()
    await first.close()
    assert.ok(existsSync(join(cwd, 'files-away')) && existsSync(join(cwd, 'sessions.db.away')))
    const second = await Targets.open(options)
    t.after(() => second.close())
    const results = await new Runner(key).run(attackOf('come-back'), second.running, NOTE)
    assert.ok(results.every(({ verdict }) => verdict !== 'not run'))
    assert.ok(!existsSync(join(cwd, 'files-away')) && !existsSync(join(cwd, 'sessions.db.away')))
  })
})

suite('the code that the demo shows', () => {
  for (const attack of attacks) {
    const source = sourceOf(attack)
    test(`${attack.name}: is the source of the function that runs, a dozen lines, without gaps where types were`, () => {
      const lines = source.split('\n')
      assert.ok(lines.length <= 14, `${lines.length} lines`)
      assert.match(source, /^async \(\{/)
      assert.equal(lines.at(-1), '}')
      assert.doesNotMatch(source, /\S {2,}\S/)
      const file = readFileSync(join(root, 'demo/attacks/list.ts'), 'utf8')
      assert.ok(file.includes(attack.run.toString()))
    })

    test(`${attack.name}: its link leads to a section of the documentation`, () => {
      const [path = '', section] = attack.docs.split('#')
      const text = readFileSync(join(root, path), 'utf8')
      assert.ok(section && sectionOf(text, section), attack.docs)
    })
  }
})

suite('flipped bits', () => {
  test('are one for each copy of a cookie, spread over its whole length', () => {
    const value = randomBytes(66).toString('base64url')
    const copies = [...alteredCookies(new Map([['id', value]]))].map((cookies) => cookies.get('id') ?? '')
    assert.equal(copies.length, 48)
    const places = copies.map((copy) => {
      const [one, other] = [Buffer.from(value, 'base64url'), Buffer.from(copy, 'base64url')]
      const different = [...one.keys()].filter((i) => one[i] !== other[i])
      assert.equal(different.length, 1)
      const [at = 0] = different
      assert.equal(((one[at] ?? 0) ^ (other[at] ?? 0)).toString(2).replaceAll('0', ''), '1')
      return at
    })
    assert.ok(Math.min(...places) === 0 && Math.max(...places) > 60)
  })

  test('of a signed text are other characters of a cookie', () => {
    const copies = [...alteredCookies(new Map([['sid', 's%3AAbc.d+e']]))].map((cookies) => cookies.get('sid'))
    assert.equal(new Set(copies).size, 11)
    for (const copy of copies) assert.match(copy ?? '', /^[\w%.+]{11}$/)
  })

  test('of plain JSON are in the note, too', () => {
    const bytes = Buffer.from('{"note":"a canary","user":"ada"}')
    const copies = [...alteredRows({ bytes, kind: 'plain', put: async () => undefined }, 'a canary')]
    const readable = copies.filter((copy) => /^\{"note":"[^"]{8}","user":"ada"\}$/.test(Buffer.from(copy).toString()))
    assert.ok(readable.length >= 8)
    assert.ok(copies.every((copy) => !bytes.equals(copy)))
  })
})

test('a run is found by its id alone, and the oldest of many are forgotten', () => {
  const runs = new Runs()
  const run = { attack: 'flip', at: new Date(0), results: [] }
  const first = runs.add(run)
  assert.match(first, /^[\w-]{22}$/)
  assert.equal(runs.get(first), run)
  for (const id of ['', undefined, ['x'], '__proto__', `${first}x`]) assert.equal(runs.get(id), null)
  const others = Array.from({ length: 500 }, () => runs.add({ ...run }))
  assert.equal(runs.get(first), null)
  assert.ok(others.every((id) => runs.get(id)))
})
