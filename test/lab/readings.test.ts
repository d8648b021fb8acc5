import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { readingWith } from '../../packages/cli/src/lab/readings.ts'

const SECRET = 'the note 8f3a'
const json = JSON.stringify({ note: SECRET, visits: 3 })
const url = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64url')

const WRITTEN: Readonly<Record<string, string>> = {
  plainly: json,
  'percent-encoded': encodeURIComponent(json),
  'in base64': Buffer.from(json).toString('base64'),
  'in base64 inside percent-encoding': encodeURIComponent(Buffer.from(json).toString('base64')),
  'in hexadecimal': Buffer.from(json).toString('hex'),
  'as the payload of a JWT': `${url('{"alg":"HS256"}')}.${url(json)}.${url('signature')}`,
  'as a signed cookie of Django': `.${url(deflateSync(json))}:1vQ3xK:${url('a signature of it')}`,
  'as an uncompressed signed cookie of Django': `${url(json)}:1vQ3xK:${url('a signature of it')}`,
  'in gzip in base64': url(gzipSync(json)),
  'in raw deflate in base64': url(deflateRawSync(json)),
  'in brotli in base64': url(brotliCompressSync(json)),
  'in base64 in base64': url(url(json)),
}

suite('what somebody reads in a cookie', () => {
  for (const [how, value] of Object.entries(WRITTEN))
    test(`a note that is written ${how} is found`, () => {
      assert.ok(readingWith(Buffer.from(value), SECRET))
    })

  test('nothing is found in random bytes, in time that is bounded', () => {
    const value = url(Buffer.from(Array.from({ length: 3_000 }, (_, at) => (at * 7919) % 251)))
    assert.equal(readingWith(Buffer.from(value), SECRET), null)
  })
})
