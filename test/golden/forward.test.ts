import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { visitor } from '../core/fixtures/visitor.ts'
import { EVERY, type GoldenForward } from './forward.ts'
import { CLOCK, DATA, USERS } from './golden.ts'

const bytes = (hex: string) => Buffer.from(hex, 'hex')

for (const format of [1])
  suite(`sessions that were renewed by time in format ${format}`, () => {
    const golden: GoldenForward = JSON.parse(readFileSync(new URL(`forward-${format}.json`, import.meta.url), 'utf8'))

    /** What a cookie leads to so long after the renewal, and the cookie that is sent. */
    async function after(passed: number, record: GoldenForward['records'][number], cookie: string) {
      const clock = () => CLOCK + EVERY + passed
      const { seal, id, bytes: stored, label, expiresAt, createdAt, owner } = record
      const store = memory({ max: 10, clock })
      const entry = { bytes: bytes(stored), label: label === null ? null : bytes(label), expiresAt, createdAt, owner }
      await store.create(id as Id, entry)
      const sessions = createSessions({ secrets: golden.secrets, store, seal, clock, renewEvery: EVERY })
      const guest = visitor(sessions, undefined, cookie)
      const found = await guest.visit((session) => {
        const data = Object.fromEntries(session.keys().map((key) => [key, session.get(key)]))
        return { userId: session.userId, data }
      })
      return { ...found, sent: guest.setCookie === null ? null : guest.cookie }
    }

    const isWhole = { userId: USERS[0], data: DATA }
    const isNobody = { userId: null, data: {}, sent: null }

    test('continue with their cookie', async () => {
      assert.equal(golden.records.length, 12)
      for (const record of golden.records)
        assert.deepEqual(await after(60_000, record, record.cookie), { ...isWhole, sent: null })
    })

    test('continue with the cookie before it until it was seen, and are sent the same one', async () => {
      for (const record of golden.records.filter(({ isSeen }) => !isSeen))
        assert.deepEqual(await after(3_600_000, record, record.previous), { ...isWhole, sent: record.cookie })
    })

    test('continue with it for the grace once it was seen, and are sent nothing', async () => {
      for (const record of golden.records.filter(({ isSeen }) => isSeen)) {
        assert.deepEqual(await after(30_999, record, record.previous), { ...isWhole, sent: null })
        assert.deepEqual(await after(31_000, record, record.previous), isNobody)
      }
    })
  })
