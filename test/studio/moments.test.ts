import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { fromNow } from '../../packages/studio/src/moments.ts'

const NOW = Date.UTC(2026, 10, 30, 12)
const from = (ms: number) => fromNow(new Date(NOW + ms), NOW)

suite('how long ago something was', () => {
  test('what ended within this millisecond was just now, and is not to come', () => {
    assert.equal(from(0), 'just now')
    assert.equal(from(-59_999), 'just now')
    assert.equal(from(1), 'in less than a minute')
  })

  test('is said in the largest unit that has passed', () => {
    assert.equal(from(-60_000), '1 minute ago')
    assert.equal(from(3 * 3_600_000 - 1), 'in 2 hours')
    assert.equal(from(-2 * 86_400_000), '2 days ago')
  })
})
