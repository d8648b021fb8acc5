import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { deflateSync, gzipSync } from 'node:zlib'
import { search } from '../../packages/cli/src/lab/search.ts'

const NOTE = 'my "secret" note é 12'
const around = (bytes: Buffer) => [
  { name: 'dump', bytes: Buffer.concat([Buffer.alloc(77, 7), bytes, Buffer.alloc(90)]) },
]
const found = (bytes: Buffer) => search(around(bytes), NOTE).map(({ form }) => form)

suite('a thief who searches files for a text finds it', () => {
  const plain = Buffer.from(NOTE)
  for (const [form, bytes] of [
    ['plain', plain],
    ['JSON', Buffer.from(JSON.stringify({ note: NOTE }))],
    ['URL-encoded', Buffer.from(encodeURIComponent(NOTE))],
    ['hexadecimal', Buffer.from(plain.toString('hex'))],
    ['UTF-16', Buffer.from(NOTE, 'utf16le')],
  ] as const)
    test(`as it is written: ${form}`, () => assert.deepEqual(found(bytes), [form]))

  for (const before of ['', 'a', 'ab', 'abc'])
    test(`in base64, ${before.length} bytes after the beginning`, () => {
      const text = Buffer.from(`${before}${NOTE}${before}`)
      for (const kind of ['base64', 'base64url'] as const)
        assert.deepEqual([...new Set(found(Buffer.from(text.toString(kind))))], ['base64'])
    })

  test('in what is compressed', () => {
    for (const compressed of [gzipSync(plain), deflateSync(plain)]) {
      const [match] = search(around(compressed), NOTE)
      assert.equal(match?.file, 'dump, inflated')
    }
  })

  test('and nothing where it is not', () => assert.deepEqual(search(around(Buffer.from('my secret note')), NOTE), []))
})
