import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOSTS as connect } from './connect.ts'
import { HOSTS as frameworks } from './frameworks.ts'
import { HOSTS as standIns } from './stand-ins.ts'
import { page, tableOf } from './suite.ts'

test('the table in docs/hosts.md has every host of these tests, and no other', async (t) => {
  // Imported last: it changes the responses of its process.
  const { HOSTS: restify } = await import('./restify.ts')
  const table = tableOf([...connect, ...restify, ...frameworks, ...standIns])
  t.diagnostic(`\n${table}`)
  const shown = page()
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .join('\n')
  assert.equal(shown.slice(shown.indexOf('| host |')), table)
})
