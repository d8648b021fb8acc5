import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lines } from '../../packages/cli/src/progress.ts'

test('progress in a log has no rate while nothing is done', (context) => {
  let now = 0
  context.mock.method(performance, 'now', () => now)
  const { mock } = context.mock.method(process.stdout, 'write', () => true)
  const { progress } = lines('Looked at')
  now = 1_500
  progress(0)
  now = 3_000
  progress(6)
  const written = mock.calls.map(({ arguments: [text] }) => String(text))
  mock.restore()
  assert.deepEqual(written, ['Looked at 0 sessions so far.\n', 'Looked at 6 sessions so far, 2 a second.\n'])
})
