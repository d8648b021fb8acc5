import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { programs } from '../scripts/programs.mjs'
import { isEverythingRequired, need } from './support/need.ts'

suite('what a suite needs from outside npm', () => {
  const missing = { required: false, locate: () => null }

  test('a program that is installed skips nothing and has a path', () => {
    const there = need('chromium', { locate: () => '/opt/chromium' })
    assert.deepEqual({ ...there }, { skip: false, path: '/opt/chromium' })
  })

  test('a missing program is a reason to skip, with the command that installs it', () => {
    const { skip } = need('chromium', missing)
    assert.match(String(skip), /^chromium is not installed: sudo apt-get install .* chromium$/)
  })

  test('a suite that uses a missing program anyway fails with that command', () => {
    assert.throws(() => need('chromium', missing).path, /apt-get install/)
  })

  test('when everything is required, a missing program is an error', () => {
    assert.throws(() => need('chromium', { ...missing, required: true }), /apt-get install/)
    assert.ok(isEverythingRequired({ STRONGROOM_REQUIRE: 'all' }))
    assert.ok(isEverythingRequired({ CI: 'true' }))
    assert.ok(!isEverythingRequired({ CI: '' }))
  })

  test('a program that setup does not know is an error of the test', () => {
    assert.throws(() => need('no-such-program', missing), /scripts\/programs\.mjs/)
  })

  test('the list names each program once', () => {
    assert.equal(new Set(programs.map(({ program }) => program)).size, programs.length)
  })
})
