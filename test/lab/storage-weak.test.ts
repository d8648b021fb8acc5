import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Site } from '../../packages/cli/src/lab/site.ts'
import { memcachedNeed } from '../servers/memcached.ts'
import { cellsOf, rowNamed, seenIn, weakened } from './cells.ts'

suite('each attack on what is stored finds the weakness that it looks for', () => {
  test('a session that is not sealed is read in the files and in a backup, and altered', async () => {
    const names = ['read-the-files', 'read-a-backup', 'read-a-backup-and-the-secrets', 'alter-rows', 'swap-rows']
    const cells = await cellsOf(rowNamed('sqlite, seal none'), names)
    for (const name of names) assert.equal(cells.get(name)?.verdict, 'broken', name)
    assert.match(seenIn(cells.get('read-the-files'), /^the note, plain, in/), /note [0-9a-f]{24}/)
    assert.match(seenIn(cells.get('alter-rows'), /^the first that was accepted/), /^".*" written over: \{"user"/)
    for (const [, { promised }] of cells) assert.equal(promised, false)
  })

  test('a session under the key of the server is private in a backup, and not with the secrets', async () => {
    const cells = await cellsOf(rowNamed('sqlite, seal server-key'), ['read-a-backup', 'read-a-backup-and-the-secrets'])
    assert.equal(cells.get('read-a-backup')?.verdict, 'held')
    assert.equal(cells.get('read-a-backup-and-the-secrets')?.verdict, 'broken')
    assert.match(seenIn(cells.get('read-a-backup-and-the-secrets'), /^opened with/), /a record/)
  })

  test('anyone who has the secrets can make a cookie where sessions are in cookies', async () => {
    const cells = await cellsOf(rowNamed('cookie, sealed'), ['read-a-backup-and-the-secrets'])
    const cell = cells.get('read-a-backup-and-the-secrets')
    assert.equal(cell?.verdict, 'broken')
    assert.match(seenIn(cell, /how many signed in$/), /^1 tried, 1 signed in$/)
  })

  test('what is only in the memory of the application is lost with it', async () => {
    const cells = await cellsOf(rowNamed('memory'), ['kill-the-application', 'kill-the-store'])
    assert.equal(cells.get('kill-the-application')?.verdict, 'broken')
    assert.equal(cells.get('kill-the-application')?.promised, false)
    assert.equal(cells.get('kill-the-store')?.verdict, 'not applicable')
  })

  test('what is only in the memory of the store is lost with it', { skip: memcachedNeed.skip }, async () => {
    const cells = await cellsOf(rowNamed('memcached'), ['kill-the-application', 'kill-the-store'])
    assert.equal(cells.get('kill-the-store')?.verdict, 'broken')
    assert.equal(cells.get('kill-the-application')?.verdict, 'held')
  })

  test('a cache that is believed brings an ended session back', async () => {
    // As if the store were a cache, without anything behind it.
    const row = weakened(rowNamed('sqlite'), ({ storage }) => ({ storage: { ...storage, cache: storage.rows } }))
    const cell = (await cellsOf(row, ['write-to-the-cache'])).get('write-to-the-cache')
    assert.equal(cell?.verdict, 'broken')
    // It breaks more than that.
    assert.equal(cell.summary, 'A copy in the cache brought an ended session back.')
    assert.notEqual(seenIn(cell, /brought the session back$/), '0')
  })

  test('a heap in which nobody was seen while signed in shows nothing of an end', async () => {
    // Such as that of an application with its sessions in Buffers. The name of the cookie says whose snapshot it is.
    const blind = (site: Site) => ({ memory: async () => Buffer.from(site.cookieName) })
    const only = (await cellsOf(weakened(rowNamed('memory'), blind), ['memory-after-the-end'])).get(
      'memory-after-the-end',
    )
    assert.deepEqual([only?.verdict, only?.failed], ['not run', true])
    assert.match(only?.summary ?? '', /of a living session is not in the snapshot/)
    const cell = (await cellsOf(weakened(rowNamed('sqlite'), blind), ['memory-after-the-end'])).get(
      'memory-after-the-end',
    )
    assert.deepEqual([cell?.verdict, cell?.failed], ['not applicable', undefined])
    assert.match(cell?.summary ?? '', /nothing of a living session either/)
    assert.deepEqual([seenIn(cell, /before$/), seenIn(cell, /after$/)], ['0', '0'])
  })

  test('a library that sweeps nothing leaves rows for ever', async () => {
    const row = weakened(rowNamed('sqlite'), () => ({ sweep: null }))
    const cell = (await cellsOf(row, ['abandoned-sessions'])).get('abandoned-sessions')
    assert.equal(cell?.verdict, 'broken')
    assert.match(seenIn(cell, /left for ever$/), /^0, [1-9]/)
  })

  test('a clock that stands still keeps sessions alive past their deadline', async () => {
    const row = weakened(rowNamed('sqlite'), () => ({ clock: async () => undefined, sweep: null }))
    const cell = (await cellsOf(row, ['abandoned-sessions'])).get('abandoned-sessions')
    assert.equal(cell?.summary, 'A session lives longer than its deadline.')
  })

  test('a sweep that removes the living is found, and one that removes nothing shows nothing', async () => {
    const sweeping = (sweep: (site: Site) => Promise<void>) =>
      weakened(rowNamed('sqlite'), (site) => ({
        another: async (options) => ({ ...(await site.another(options)), sweep: () => sweep(site) }),
      }))
    const everything = sweeping(async ({ storage: { rows } }) => {
      for (const { key } of (await rows?.list()) ?? []) await rows?.delete(key)
    })
    const dead = (await cellsOf(everything, ['clocks-apart'])).get('clocks-apart')
    assert.equal(dead?.summary, 'A session dies early on a server whose clock differs.')
    assert.equal(seenIn(dead, /^who has not logged out/), 'nobody')
    const nothing = (
      await cellsOf(
        sweeping(async () => undefined),
        ['clocks-apart'],
      )
    ).get('clocks-apart')
    assert.deepEqual([nothing?.verdict, nothing?.failed], ['not run', true])
    assert.match(nothing?.summary ?? '', /^The sweep has removed nothing/)
  })

  test('a session that is over already shows nothing of what a sweep leaves', async () => {
    // As if an hour were over when half an hour is.
    const row = weakened(rowNamed('sqlite'), ({ clock }) => ({ clock: async (by) => clock?.(2 * by) }))
    const cell = (await cellsOf(row, ['clocks-apart'])).get('clocks-apart')
    assert.deepEqual([cell?.verdict, cell?.failed], ['not run', true])
    assert.match(cell?.summary ?? '', /^A session is over before its idle limit/)
  })

  test('a process that forgets nothing is caught by its heap', async () => {
    const snapshots: Uint8Array[] = []
    const row = weakened(rowNamed('memory'), (site) => ({
      memory: async () => {
        snapshots.push((await site.memory?.()) ?? assert.fail('no snapshot'))
        return Buffer.concat(snapshots)
      },
    }))
    const cell = (await cellsOf(row, ['memory-after-the-end'])).get('memory-after-the-end')
    assert.equal(cell?.verdict, 'broken')
    assert.notEqual(seenIn(cell, /before$/), '0')
  })

  test('a library that sweeps nothing leaves what it has in the process in the heap', async () => {
    const row = weakened(rowNamed('memory'), () => ({ sweep: null }))
    const cell = (await cellsOf(row, ['abandoned-sessions'])).get('abandoned-sessions')
    assert.equal(cell?.summary, 'What they wrote is still in the memory of the application.')
    assert.match(seenIn(cell, /^strings of the heap/), /^[1-9]\d*, [1-9]/)
  })

  test('a snapshot without what is alive shows nothing of what is gone', async () => {
    const row = weakened(rowNamed('memory'), () => ({ memory: async () => Buffer.from('another process') }))
    const cell = (await cellsOf(row, ['abandoned-sessions'])).get('abandoned-sessions')
    assert.deepEqual([cell?.verdict, cell?.failed], ['not run', true])
    assert.match(cell?.summary ?? '', /not in the snapshot/)
  })

  test('the heap of an application is not asked for sessions that are elsewhere', async () => {
    const never = () => assert.fail('a snapshot was taken')
    const row = weakened(rowNamed('sqlite'), () => ({ memory: never }))
    const cell = (await cellsOf(row, ['abandoned-sessions'])).get('abandoned-sessions')
    assert.equal(cell?.verdict, 'held')
    assert.match(seenIn(cell, /^strings of the heap/), /^not searched/)
  })

  test('an older row that is put back is believed on every engine, as the documents say', async () => {
    const cells = await cellsOf(rowNamed('sqlite'), ['roll-back-rows'])
    assert.equal(cells.get('roll-back-rows')?.verdict, 'broken')
    assert.equal(cells.get('roll-back-rows')?.promised, false)
  })
})
