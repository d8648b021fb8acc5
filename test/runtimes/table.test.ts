import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shownTables, table } from './table.ts'

test('the table in docs/runtimes.md says what the tests of each runtime find', (t) => {
  t.diagnostic(`\n${table()}`)
  assert.ok(shownTables().includes(table()), `docs/runtimes.md needs\n${table()}`)
})
