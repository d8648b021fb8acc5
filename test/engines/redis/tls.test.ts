import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { ownClient, RedisConnection } from '../../../packages/strongroom/src/engines/redis/connection.ts'
import { openIoredis } from '../../../packages/strongroom/src/engines/redis/ioredis.ts'
import { openNodeRedis } from '../../../packages/strongroom/src/engines/redis/node-redis.ts'
import { Redis } from '../../../packages/strongroom/src/engines/redis/store.ts'
import { parseRedisUrl } from '../../../packages/strongroom/src/engines/redis/url.ts'
import { StoreError } from '../../../packages/strongroom/src/errors.ts'
import { freePort, runOnce } from '../../servers/daemon.ts'
import { describeBoth, type RedisServer, startRedis } from '../../servers/redis.ts'
import { need } from '../../support/need.ts'
import { entry, id } from './fixture.ts'

const openssl = need('openssl')
const LIMIT = 2000

describeBoth(
  'over TLS',
  (program) => {
    let server: RedisServer
    let port: number
    const dir = mkdtempSync(join(tmpdir(), 'strongroom-tls-'))
    const [certificate, key] = [join(dir, 'certificate.pem'), join(dir, 'key.pem')]
    const known = getCACertificates('default')
    before(async () => {
      const [kind, curve] = ['ec', 'ec_paramgen_curve:prime256v1']
      const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
      const files = ['-keyout', key, '-out', certificate]
      runOnce(openssl.path, [
        'req',
        '-x509',
        '-newkey',
        kind,
        '-pkeyopt',
        curve,
        '-nodes',
        '-days',
        '2',
        ...name,
        ...files,
      ])
      port = await freePort()
      const tls = { 'tls-port': `${port}`, 'tls-cert-file': certificate, 'tls-key-file': key }
      server = await startRedis({ ...tls, 'tls-ca-cert-file': certificate, 'tls-auth-clients': 'no' }, program)
    })
    after(async () => {
      setDefaultCACertificates(known)
      await server.stop()
      rmSync(dir, { recursive: true })
    })

    for (const [library, opener] of [
      ['ioredis', openIoredis],
      ['node-redis', openNodeRedis],
    ] as const) {
      const withStore = async (url: string, work: (store: Redis) => Promise<void>) => {
        const { address } = parseRedisUrl(url)
        const claims = { durable: 'no', evicts: false } as const
        const connection = new RedisConnection(ownClient(address, LIMIT, [opener]), LIMIT, claims)
        const store = new Redis(connection, { prefix: 'strongroom:', clock: Date.now, notify: false, ...claims })
        try {
          await work(store)
        } finally {
          await store.close()
        }
      }
      const rejects = (url: string) =>
        withStore(url, async (store) => {
          const began = performance.now()
          await assert.rejects(store.create(id(1), entry()), StoreError)
          assert.ok(performance.now() - began < 2 * LIMIT)
        })

      it(`${library} connects to a server whose certificate Node trusts, under the name in that certificate`, async () => {
        setDefaultCACertificates([...known, readFileSync(certificate, 'utf8')])
        for (const scheme of ['rediss', 'valkeys'])
          await withStore(`${scheme}://localhost:${port}`, async (store) => {
            assert.equal(await store.create(id(1), entry()), true)
            assert.ok(await store.read(id(1)))
            assert.equal(await store.delete(id(1)), true)
          })
        await rejects(`rediss://127.0.0.1:${port}`)
      })

      it(`${library} sends nothing to a server whose certificate Node does not trust, and does not fall back to a connection without TLS`, async () => {
        setDefaultCACertificates(known)
        await rejects(`rediss://localhost:${port}`)
        await rejects(`rediss://localhost:${server.port}`)
      })
    }
  },
  openssl,
)
