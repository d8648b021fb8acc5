import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
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

  test('in what is compressed and then encoded as text', () => {
    for (const level of [1, 4, 6, 9])
      for (const compress of [gzipSync, deflateSync])
        for (const encoding of ['base64', 'base64url', 'hex'] as const) {
          const text = `{"data":"${compress(plain, { level }).toString(encoding)}"}`
          // In a large file, too, because they have a mark.
          for (const file of [Buffer.from(text), Buffer.from(text.padStart(2 ** 20)), Buffer.from(text.toUpperCase())])
            if (encoding === 'hex' || file.includes(text))
              assert.equal(
                search(around(file), NOTE)[0]?.file,
                'dump, inflated',
                `${compress.name} ${level} ${encoding}`,
              )
        }
  })

  test('in a small file, where a stream has no header', () => {
    // As the lab's own: hexadecimal digits are compressed to less than a byte each.
    const note = 'note 3807790aa2fc2ddffa91b916'
    for (const compress of [deflateRawSync, brotliCompressSync]) {
      const bytes = compress(Buffer.from(`{"user":"ada-4d20c9f","data":{"note":"${note}"}}`))
      assert.ok(!bytes.includes(note))
      assert.equal(search(around(bytes), note)[0]?.file, 'dump, decompressed', compress.name)
      const encoded = [{ name: 'dump', bytes: Buffer.from(bytes.toString('base64')) }]
      assert.equal(search(encoded, note)[0]?.file, 'dump, decoded', compress.name)
    }
  })

  test('and nothing where it is not', () => assert.deepEqual(search(around(Buffer.from('my secret note')), NOTE), []))
})
