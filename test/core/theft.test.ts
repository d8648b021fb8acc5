import assert from 'node:assert/strict'
import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createSeal } from '../../src/codec/seal.ts'
import { file } from '../../src/engines/file.ts'
import { sqlite } from '../../src/engines/sqlite.ts'
import { createKeyring } from '../../src/keyring.ts'
import { createSessions } from '../../src/sessions.ts'
import type { OwnedStore, ScannableStore } from '../../src/store.ts'
import { mint, parse } from '../../src/token.ts'
import type { Anything } from './kit/fixture.ts'
import { secret } from './kit/ring.ts'
import { visitor } from './kit/visitor.ts'

const [CANARY, USER, LABEL] = ['canary-3141592653', 'user-2718281828', 'label-1618033988']
const SECRETS = [secret('theft')]

const DISKS: Record<string, (dir: string) => OwnedStore & ScannableStore> = {
  file: (dir) => file({ dir, durable: false }),
  sqlite: (dir) => sqlite({ path: join(dir, 'sessions.db'), synchronous: 'normal' }),
}

for (const [name, make] of Object.entries(DISKS))
  describe(`whoever steals the disk under ${name}`, () => {
    /** A few sessions in different states, and every byte that lies on the disk while the application runs and after it. */
    async function steal(seal: 'two-key' | 'server-key') {
      const dir = mkdtempSync(join(tmpdir(), 'strongroom-theft-'))
      try {
        const store = make(dir)
        const sessions = createSessions<Anything>({ secrets: SECRETS, store, seal })
        const cookies: string[] = []
        for (let i = 0; i < 5; i++) {
          const guest = visitor(sessions)
          await guest.visit((session) => session.set('canary', CANARY))
          cookies.push(guest.cookie ?? '')
          await guest.visit((session) => session.login(USER, { label: LABEL }))
          await guest.visit((session) => session.set('more', [CANARY, i]))
          if (i === 4) await guest.visit((session) => session.logout())
          cookies.push(guest.cookie ?? '')
        }
        const rows: Parameters<ReturnType<typeof createSeal>['open']>[0][] = []
        const owners: (string | null)[] = []
        for await (const page of store.scan())
          for (const { id } of page) {
            const found = await store.read(id)
            if (found) rows.push(found.entry.bytes)
            owners.push(found?.entry.owner ?? null)
          }
        const read = () =>
          globSync('**/*', { cwd: dir })
            .map((path) => join(dir, path))
            .filter((path) => statSync(path).isFile())
            .map((path) => `${path}\n${readFileSync(path, 'latin1')}`)
            .join('\n')
        const running = read()
        await store.close()
        return { bytes: running + read(), cookies: cookies.filter(Boolean), rows, owners }
      } finally {
        rmSync(dir, { recursive: true })
      }
    }

    it('finds neither data nor users nor devices nor cookies, of live sessions or of ended ones', async () => {
      for (const seal of ['two-key', 'server-key'] as const) {
        const { bytes, cookies } = await steal(seal)
        for (const hidden of [CANARY, USER, LABEL, 'canary']) assert.ok(!bytes.includes(hidden), `${seal}: ${hidden}`)
        for (const cookie of cookies) {
          const token = Buffer.from(cookie, 'base64url').subarray(2, 34)
          for (const form of [cookie, token.toString('latin1'), token.toString('hex'), token.toString('base64')])
            assert.ok(!bytes.includes(form))
        }
      }
    })

    it('and the secrets with it still opens no record: the tokens are elsewhere', async () => {
      const { rows, cookies, owners } = await steal('two-key')
      const ring = createKeyring(SECRETS)
      assert.equal(rows.length, 4)
      rows.forEach((row, i) => {
        for (const claim of [mint(ring), mint(ring)])
          assert.equal(typeof createSeal('two-key', ring).open(row, claim, owners[i] ?? null), 'object')
      })
      // With the cookie, too, one session opens, and the others stay shut.
      const claims = cookies.map((cookie) => parse(cookie, ring)).filter((claim) => typeof claim === 'object')
      const opened = rows.map(
        (row, i) =>
          claims.filter((claim) => typeof createSeal('two-key', ring).open(row, claim, owners[i] ?? null) === 'string')
            .length,
      )
      assert.deepEqual(opened, [1, 1, 1, 1])
    })
  })
