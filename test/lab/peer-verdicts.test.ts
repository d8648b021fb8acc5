import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ATTACKS } from '../../packages/cli/src/lab/attacks/index.ts'
import { djangoRows } from '../../packages/cli/src/lab/peers/django/rows.ts'
import { peerRows } from '../../packages/cli/src/lab/peers/rows.ts'
import type { Cell, Verdict } from '../../packages/cli/src/lab/report.ts'
import { runLab } from '../../packages/cli/src/lab/run.ts'
import { djangoNeed } from '../django/peer.ts'
import { postgresNeed } from '../servers/postgres.ts'
import { seenIn } from './cells.ts'

/** What docs/lab-peers.md says, on the rows that need no server. */
const SAID: Readonly<Record<string, Readonly<Record<string, Verdict>>>> = {
  'express-session + MemoryStore': {
    'kill-the-application': 'broken',
    'replay-after-logout': 'held',
    'two-cookies': 'broken',
    fixation: 'held',
    'slow-request-and-logout': 'broken',
    'slow-request-and-revoke-all': 'not applicable',
    'lost-updates': 'broken',
    'failing-handler': 'broken',
    'hang-up': 'broken',
    'error-pages': 'held',
    'cookie-attributes': 'broken',
    // A read of an expired session would remove it.
    'abandoned-sessions': 'broken',
  },
  'express-session + session-file-store': {
    'read-the-files': 'broken',
    'read-a-backup-and-the-secrets': 'broken',
    'alter-rows': 'broken',
    'swap-rows': 'broken',
    'roll-back-rows': 'broken',
    // Requests of the same session could undo what was saved, and hide it.
    'hang-up': 'broken',
    'fixation-other-name': 'broken',
    'abandoned-sessions': 'held',
  },
  'cookie-session': {
    'read-the-cookie-jar': 'broken',
    'replay-after-logout': 'broken',
    // A logout ends no copy, with a second cookie or without one.
    'two-cookies': 'not applicable',
    'fixation-other-name': 'held',
    'abandoned-sessions': 'broken',
    'hang-up': 'held',
  },
  'iron-session': {
    'read-the-cookie-jar': 'held',
    'cookie-attributes': 'held',
    'read-a-backup': 'not applicable',
    'read-a-backup-and-the-secrets': 'broken',
    'replay-after-logout': 'broken',
    'two-cookies': 'not applicable',
    'renewed-copy': 'not applicable',
    'abandoned-sessions': 'held',
  },
  '@fastify/session + MemoryStore': {
    'renewed-copy': 'broken',
    'slow-request-and-logout': 'broken',
    'shared-cache': 'broken',
    'abandoned-sessions': 'broken',
  },
  '@fastify/secure-session': {
    'read-the-cookie-jar': 'held',
    'read-a-backup-and-the-secrets': 'broken',
    'replay-after-logout': 'broken',
    'cookie-attributes': 'held',
  },
  'django db on SQLite': {
    'read-a-backup': 'broken',
    'alter-rows': 'held',
    'swap-rows': 'broken',
    'replay-after-logout': 'held',
    'replay-after-revoke-all': 'held',
    'slow-request-and-logout': 'broken',
    'slow-request-and-revoke-all': 'held',
    'failing-handler': 'held',
    'hang-up': 'held',
  },
  'django file': { 'read-the-files': 'broken', 'fixation-other-name': 'held', 'abandoned-sessions': 'held' },
  'django signed_cookies': {
    'read-the-cookie-jar': 'broken',
    'replay-after-logout': 'broken',
    'replay-after-revoke-all': 'held',
  },
}

suite('attacks on other libraries end as docs/lab-peers.md says', () => {
  for (const [name, said] of Object.entries(SAID))
    test(name, { skip: name.startsWith('django') && djangoNeed.skip }, async () => {
      const cells = await cellsOf(name, Object.keys(said))
      assert.deepEqual(Object.fromEntries(cells.map(({ attack, verdict }) => [attack, verdict])), said)
      // Nothing is promised for others, so none of them fails a run.
      assert.deepEqual(
        cells.filter(({ promised }) => promised),
        [],
      )
    })

  test('a write of express-session that fails is acknowledged in every run', { skip: postgresNeed.skip }, async () => {
    const [cell] = await cellsOf('express-session + connect-pg-simple', ['kill-the-store'])
    assert.equal(cell?.verdict, 'broken')
    assert.equal(seenIn(cell, /under way at a kill/), '12 of 12')
  })

  test('a key of Django that was read signs its user in, and an id of express-session does not', {
    skip: djangoNeed.skip,
  }, async () => {
    const signedIn = async (row: string) =>
      (await cellsOf(row, ['read-a-backup']))[0]?.evidence.find(({ value }) => /signed in$/.test(value))?.value
    assert.match((await signedIn('django db on SQLite')) ?? '', /, 1 signed in$/)
    assert.match((await signedIn('express-session + session-file-store')) ?? '', /, 0 signed in$/)
  })
})

async function cellsOf(name: string, attacks: readonly string[]): Promise<readonly Cell[]> {
  const rows = [...peerRows(), ...djangoRows()].filter((row) => row.name === name)
  const chosen = attacks.map((attack) => ATTACKS.find((each) => each.name === attack))
  assert.equal(rows.length, 1)
  assert.ok(chosen.every((attack) => attack !== undefined))
  // In the order that the lab has: what kills comes last.
  const { cells } = await runLab({ rows, attacks: ATTACKS.filter((attack) => chosen.includes(attack)) })
  return cells
}
