import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { Link } from '../../../packages/strongroom/src/engines/redis/link.ts'
import { open } from '../../../packages/strongroom/src/engines/redis/open.ts'
import { openIoredis } from '../../../packages/strongroom/src/engines/redis/open-ioredis.ts'
import { openNodeRedis } from '../../../packages/strongroom/src/engines/redis/open-node-redis.ts'
import { parsePlace } from '../../../packages/strongroom/src/engines/redis/place.ts'
import { Redis } from '../../../packages/strongroom/src/engines/redis/store.ts'
import { StoreError } from '../../../packages/strongroom/src/errors.ts'
import { freePort, runOnce } from '../../servers/daemon.ts'
import { describeBoth, type RedisServer, startRedis } from '../../servers/redis.ts'
import { need } from '../../support/need.ts'
import { entry, id } from './kit.ts'

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

    for (const [library, openIt] of [
      ['ioredis', openIoredis],
      ['node-redis', openNodeRedis],
    ] as const) {
      const by = async (url: string, work: (store: Redis) => Promise<void>) => {
        const { place } = parsePlace(url)
        const link = new Link({ open: () => open(place, LIMIT, [openIt]), owned: true }, LIMIT, 'no')
        const store = new Redis(link, { prefix: 'strongroom:', clock: Date.now, durable: 'no', notify: false })
        try {
          await work(store)
        } finally {
          await store.close()
        }
      }
      const isRefused = (url: string) =>
        by(url, async (store) => {
          const began = performance.now()
          await assert.rejects(store.create(id(1), entry()), StoreError)
          assert.ok(performance.now() - began < 2 * LIMIT)
        })

      it(`${library} uses a server whose certificate is known to Node, under the name that is in it`, async () => {
        setDefaultCACertificates([...known, readFileSync(certificate, 'utf8')])
        for (const scheme of ['rediss', 'valkeys'])
          await by(`${scheme}://localhost:${port}`, async (store) => {
            assert.equal(await store.create(id(1), entry()), true)
            assert.ok(await store.read(id(1)))
            assert.equal(await store.delete(id(1)), true)
          })
        await isRefused(`rediss://127.0.0.1:${port}`)
      })

      it(`${library} tells nothing to a server whose certificate is not known, and does not go on without TLS`, async () => {
        setDefaultCACertificates(known)
        await isRefused(`rediss://localhost:${port}`)
        await isRefused(`rediss://localhost:${server.port}`)
      })
    }
  },
  openssl,
)
