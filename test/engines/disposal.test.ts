import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { storeFromUrl } from '../../packages/strongroom/src/engines/url.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { newId } from '../../packages/strongroom/src/testing/store/entries.ts'
import { root } from '../../scripts/packages.ts'
import { memcachedNeed, startMemcached } from '../servers/memcached.ts'
import { redisNeed, startRedis } from '../servers/redis.ts'

const encoded = encodeURIComponent

suite('`await using` closes', () => {
  for (const url of [
    'memory:',
    'file:DIR/files',
    'sqlite:DIR/sessions.db',
    'redis://127.0.0.1:1',
    'memcached://127.0.0.1:1',
    'mysql://me@127.0.0.1:1/x',
    'postgres://me@127.0.0.1:1/x',
    `cached:?durable=${encoded('sqlite:DIR/a.db')}&cache=${encoded('memory:?evicts=true')}`,
    `moving:?from=${encoded('sqlite:DIR/a.db')}&to=${encoded('sqlite:DIR/b.db')}`,
  ])
    test(`a store: ${url}`, async () => {
      const dir = mkdtempSync(join(tmpdir(), 'strongroom-disposal-'))
      const store = storeFromUrl(url.replaceAll('DIR', dir)) as ReturnType<typeof storeFromUrl> & AsyncDisposable
      await store[Symbol.asyncDispose]()
      await assert.rejects(
        store.read(newId()),
        (error: unknown) => error instanceof StoreError && /closed/.test(error.message),
      )
      rmSync(dir, { recursive: true })
    })

  test('sessions, and the store that they opened', async () => {
    const sessions = createSessions({ store: 'memory:', secrets: 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx' })
    await sessions[Symbol.asyncDispose]()
    await assert.rejects(sessions.stats(), StoreError)
  })

  for (const [name, server, start] of [
    ['redis', redisNeed, () => startRedis()],
    ['memcached', memcachedNeed, () => startMemcached()],
  ] as const)
    test(`a script that uses ${name}, which ends when it has done its work`, { skip: server.skip }, async () => {
      const running = await start()
      const from = pathToFileURL(join(root, 'packages/strongroom/src/engines/url.ts')).href
      const program = `import { storeFromUrl } from '${from}'
        const store = storeFromUrl('${name}://127.0.0.1:${running.port}')
        await store.read('${'0'.repeat(64)}')
        if (process.argv[1] === 'dispose') await store[Symbol.asyncDispose]()
        console.log('done')`
      const run = (how: string) =>
        spawnSync(process.execPath, ['--no-warnings', '--input-type=module-typescript', '--eval', program, how], {
          encoding: 'utf8',
          timeout: 5000,
        })
      const { status, stdout, stderr } = run('dispose')
      assert.deepEqual([status, stdout], [0, 'done\n'], stderr)
      await running.stop()
    })
})
