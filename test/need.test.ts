import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { programs } from '../scripts/programs.mjs'
import { isEverythingRequired, need } from './support/need.ts'

suite('what a suite needs from outside npm', () => {
  const absent = { required: false, locate: () => null }

  test('a program that is there skips nothing and says where it is', () => {
    const there = need('chromium', { locate: () => '/opt/chromium' })
    assert.deepEqual({ ...there }, { skip: false, path: '/opt/chromium' })
  })

  test('an absent one is a reason to skip, with the line that enables the suite', () => {
    const { skip } = need('chromium', absent)
    assert.match(String(skip), /^chromium is not installed: sudo apt-get install .* chromium$/)
  })

  test('a suite that uses an absent program all the same fails with that line', () => {
    assert.throws(() => need('chromium', absent).path, /apt-get install/)
  })

  test('where everything is required, an absent program is a failure', () => {
    assert.throws(() => need('chromium', { ...absent, required: true }), /apt-get install/)
    assert.ok(isEverythingRequired({ STRONGROOM_REQUIRE: 'all' }))
    assert.ok(isEverythingRequired({ CI: 'true' }))
    assert.ok(!isEverythingRequired({ CI: '' }))
  })

  test('a program that setup does not know is a mistake of the test', () => {
    assert.throws(() => need('no-such-program', absent), /scripts\/programs\.mjs/)
  })

  test('the table names each program once', () => {
    assert.equal(new Set(programs.map(({ program }) => program)).size, programs.length)
  })
})
