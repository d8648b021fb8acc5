import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Row, Rows, Site } from '../../packages/cli/src/lab/site.ts'
import { redisNeed } from '../servers/redis.ts'
import { cellsOf, rowNamed, seenIn, weakened } from './cells.ts'

suite('an attack on what is stored that did not arrive shows nothing', () => {
  const nothing = async (row: Row, name: string, weaken: (site: Site) => Partial<Site>): Promise<string> => {
    const cell = (await cellsOf(weakened(row, weaken), [name])).get(name)
    assert.deepEqual([cell?.verdict, cell?.failed], ['not run', true], JSON.stringify(cell))
    return cell?.summary ?? ''
  }

  const deafTo = (rows: Rows): Rows => ({
    list: () => rows.list(),
    put: async () => {},
    delete: (key) => rows.delete(key),
  })

  test('files and backups without the session of the visitor are not searched for its note', async () => {
    const elsewhere = async () => [{ name: 'dump.sql', bytes: Buffer.from('CREATE TABLE sessions (id INTEGER);') }]
    for (const [name, part] of [
      ['read-the-files', 'files'],
      ['read-a-backup', 'backup'],
      ['read-a-backup-and-the-secrets', 'backup'],
    ] as const)
      for (const read of [elsewhere, async () => []]) {
        const summary = await nothing(rowNamed('sqlite'), name, ({ storage }) => ({
          storage: { ...storage, [part]: read },
        }))
        assert.match(summary, /^Nothing of the visitor's session is in the/)
      }
  })

  test('rows that cannot be written are neither swapped nor rolled back', async () => {
    for (const [name, said] of [
      ['alter-rows', /No changed row had any effect/],
      ['swap-rows', /No exchange had any effect/],
      ['roll-back-rows', /did not come back/],
    ] as const) {
      const deaf = ({ storage }: Site) => ({
        storage: { ...storage, rows: storage.rows && deafTo(storage.rows) },
      })
      assert.match(await nothing(rowNamed('sqlite'), name, deaf), said)
    }
  })

  test('an application that goes on was not killed', async () => {
    const immortal = () => ({ kill: async () => {}, restart: async () => {} })
    assert.match(await nothing(rowNamed('sqlite'), 'kill-the-application', immortal), /was not killed/)
  })

  test('a heap of something else does not show that a note is gone', async () => {
    const other = () => ({ memory: async () => Buffer.from('{"snapshot":{}}') })
    assert.match(await nothing(rowNamed('memory'), 'memory-after-the-end', other), /none of this application/)
  })

  test('a cache that takes no copy was not written to', { skip: redisNeed.skip }, async () => {
    const deaf = ({ storage }: Site) => ({
      storage: { ...storage, cache: storage.cache && deafTo(storage.cache) },
    })
    const row = rowNamed('cached, redis over sqlite')
    assert.match(await nothing(row, 'write-to-the-cache', deaf), /is not there, so nothing was attacked/)
  })

  test('older rows are believed below a cache too, where its copies would hide them', {
    skip: redisNeed.skip,
  }, async () => {
    const cell = (await cellsOf(rowNamed('cached, redis over sqlite'), ['roll-back-rows'])).get('roll-back-rows')
    assert.match(seenIn(cell, /^after a change/), /shows the older state/)
  })
})
