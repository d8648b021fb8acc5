import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createSeal, keysOf } from '../../packages/strongroom/src/crypto/seal.ts'
import { aead } from './fixtures/aead.ts'
import { flip, fresh, next, owner, PAYLOAD, RENEWED_AT, refused, ring, sealFor } from './fixtures/sealing.ts'

describe('a plain record', () => {
  const seal = createSeal('none', ring, aead)
  const token = next(fresh())
  const check = createHash('sha256').update('strongroom token ').update(token.token).digest().subarray(0, 16)
  const { kid } = token.master
  const line = `1 ${RENEWED_AT} ${kid} ${check.toString('base64url')}`

  it('is its payload, and a line with generation, moment, key id of its session and a hash of its token', () => {
    assert.equal(sealFor(seal, token).toString(), `${PAYLOAD}\n${line}`)
  })

  it('names the key that its session needs, which is all that it needs', () => {
    assert.deepEqual([...keysOf(sealFor(seal, token))], [kid])
    for (const text of ['', PAYLOAD, `${PAYLOAD}\n`, 'x'.repeat(200)]) assert.equal(keysOf(Buffer.from(text)).size, 0)
  })

  it('does not contain its token', () => {
    const bytes = sealFor(seal, token)
    for (const encoding of ['latin1', 'hex', 'base64', 'base64url'] as const)
      assert.ok(!bytes.includes(Buffer.from(token.token).toString(encoding).slice(0, 20), 0, 'latin1'), encoding)
  })

  it('without its last line, or with another one in its place, does not open', () => {
    const open = (text: string) => refused(seal.open(Buffer.from(text), token, owner))
    const lines: Record<string, string> = {
      '': 'malformed',
      '1': 'malformed',
      [`1 ${RENEWED_AT}`]: 'malformed',
      [`1 ${RENEWED_AT} ${check.toString('base64url')}`]: 'malformed',
      [`${line} `]: 'malformed',
      [` ${line}`]: 'malformed',
      [`${line}A`]: 'malformed',
      [line.slice(0, -1)]: 'malformed',
      [line.replace(/^1/, '-1')]: 'malformed',
      [line.replace(/^1/, '1e0')]: 'malformed',
      [line.replace(/^1/, '12345678901')]: 'malformed',
      [line.replace(/^1/, '2')]: 'superseded',
      [line.replace(/^1/, '0')]: 'ahead',
      [line.replace(` ${kid} `, ` ${(kid + 1) % 256} `)]: 'forged',
      [`1 ${RENEWED_AT} ${kid} ${'A'.repeat(22)}`]: 'forged',
      [`2 ${RENEWED_AT} ${kid} ${'A'.repeat(22)}`]: 'superseded',
    }
    for (const [last, expected] of Object.entries(lines)) assert.equal(open(`${PAYLOAD}\n${last}`), expected, last)
    assert.equal(open(PAYLOAD), 'malformed')
    assert.equal(open(''), 'malformed')
    assert.equal(open(line), 'malformed', 'a line alone has no payload')
    assert.equal(open(`${PAYLOAD}\n${line}\n`), 'malformed')
  })

  it('with any bit of its last line flipped opens at most with another moment', () => {
    const bytes = sealFor(seal, token)
    const at = bytes.length - line.length
    for (let bit = (at - 1) * 8; bit < bytes.length * 8; bit++) {
      const flipped = flip(bytes, bit)
      const opened = seal.open(flipped, token, owner)
      if ('refused' in opened) continue
      const { renewedAt, ...rest } = opened
      assert.deepEqual(rest, { payload: PAYLOAD, generation: 1, bornUnder: kid }, `bit ${bit}`)
      assert.notEqual(renewedAt, RENEWED_AT, `bit ${bit}`)
    }
  })

  it('never throws, whatever the store returns', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => 'refused' in seal.open(bytes, token, owner)))
    const lines = fc.array(fc.constantFrom('1', line, PAYLOAD, ' ', '\n', '4294967296', '{}'), { maxLength: 6 })
    fc.assert(
      fc.property(lines, (parts) => {
        const bytes = Buffer.from(parts.join(''))
        seal.headerOf(bytes)
        const opened = seal.open(bytes, token, owner)
        return 'refused' in opened || bytes.toString().endsWith(`\n${line}`)
      }),
    )
  })
})
