import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  type Part,
  plainRecordParts,
  recordParts,
  sealedCookieParts,
  signedCookieParts,
  tokenParts,
} from '../demo/views/anatomy.ts'
import { verifyToken } from '../packages/strongroom/src/crypto/token.ts'
import { cookie } from '../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../packages/strongroom/src/sessions.ts'
import { sessionsIn } from './core/fixtures/listings.ts'
import { ringOf, secret } from './core/fixtures/secret.ts'
import { visitor } from './core/fixtures/visitor.ts'

const NOW = 2_000_000_000_000
const ring = ringOf('anatomy')
const { kid } = ring.current

/** The bytes of each part by its name; with every byte in one of them. */
function cut(bytes: Buffer, parts: readonly Part[]): Record<string, Buffer> {
  assert.equal(
    parts.reduce((sum, { length }) => sum + length, 0),
    bytes.length,
  )
  let at = 0
  const named: Record<string, Buffer> = {}
  for (const { name, length } of parts) {
    named[name] = bytes.subarray(at, at + length)
    at += length
  }
  return named
}

/** A session that was renewed once: its cookie, and its row. */
async function stored(seal: 'two-key' | 'none') {
  const store = memory({ clock: () => NOW })
  const sessions = createSessions({ store, seal, secrets: secret('anatomy'), clock: () => NOW, sweep: false })
  const guest = visitor(sessions)
  await guest.visit((session) => session.set('tea', 'green'))
  await guest.visit((session) => session.renew())
  const [listing] = await sessionsIn(store)
  const row = listing && (await store.read(listing.id))
  assert.ok(row)
  return { text: guest.cookie ?? '', row: Buffer.from(row.entry.bytes) }
}

async function inCookie(protection: 'sealed' | 'signed'): Promise<Buffer> {
  const sessions = createSessions({ store: cookie({ protection }), secrets: secret('anatomy'), sweep: false })
  const guest = visitor(sessions)
  await guest.visit((session) => session.set('tea', 'green'))
  return Buffer.from(guest.cookie ?? '', 'base64url')
}

suite('the demo shows', () => {
  test('the parts of a cookie where they are', async () => {
    const { text } = await stored('two-key')
    const { format, generation, sid, token } = cut(Buffer.from(text, 'base64url'), tokenParts)
    const verified = verifyToken(text, ring, '__Host-id')
    assert.ok(typeof verified === 'object')
    assert.deepEqual(format, Buffer.from([1, kid]))
    assert.equal(generation?.readUInt32BE(), 1)
    assert.deepEqual([sid, token], [Buffer.from(verified.sid), Buffer.from(verified.token)])
  })

  test('the parts of a record where they are', async () => {
    const { row } = await stored('two-key')
    const { 'your session': session, ...parts } = cut(row, recordParts(row.length))
    assert.equal(parts.format?.[1], kid)
    assert.equal(parts.generation?.readUInt32BE(), 1)
    assert.equal(parts['renewed at']?.readUInt32BE(), NOW / 1000)
    assert.deepEqual([parts['born under']?.[0], parts.reserved?.[0]], [kid, 0])
    // A stream cipher adds nothing to what it seals.
    const plain = await stored('none')
    assert.equal(session?.length, cut(plain.row, plainRecordParts(plain.row))['your session']?.length)
  })

  test('where a record that is not sealed ends, and says whose it is', async () => {
    const { row } = await stored('none')
    const { 'your session': session, 'last line': last } = cut(row, plainRecordParts(row))
    assert.match(session?.toString() ?? '', /^\{.+\}\n\{"tea":"green"\}$/)
    assert.match(last?.toString() ?? '', new RegExp(`^\\n1 ${NOW / 1000} ${kid} [\\w-]{22}$`))
  })

  test('the session in a cookie where it is', async () => {
    const [sealed, signed] = [await inCookie('sealed'), await inCookie('signed')]
    const open = cut(signed, signedCookieParts(signed.length))['your session']
    assert.match(open?.toString() ?? '', /^\[.+\]\n\{.+\}\n\{"tea":"green"\}$/)
    assert.equal(cut(sealed, sealedCookieParts(sealed.length))['your session']?.length, open?.length)
  })
})
