import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { aead } from './fixtures/aead.ts'

const PRELOAD = new URL('fixtures/without-sodium.ts', import.meta.url).href
const path = (file: string) => fileURLToPath(new URL(`../${file}.test.ts`, import.meta.url))

/** What seals and opens; the rest of core/ gets its sessions from the same few calls. */
const SUITES = [
  ...['crypto', 'seal', 'codec', 'token', 'records', 'memo', 'rotation', 'read-sync', 'cookie-engine', 'users'].map(
    (name) => `core/${name}`,
  ),
  'golden/golden',
  'adapters/node',
]

describe('where sodium-native is not installed', () => {
  it('node:crypto is used, without a warning', () => {
    assert.equal(aead.crypto, 'sodium', 'with it, that is what the other tests use')
    const script = `
      import { createSessions } from '${import.meta.resolve('strongroom')}'
      const { policy } = createSessions({ store: 'memory:', secrets: '${'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2)}' })
      process.stdout.write(policy.crypto + ' ' + policy.cipher)`
    const args = ['--import', PRELOAD, '--input-type=module', '-e', script]
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    assert.deepEqual([stdout, stderr], ['node chacha20-poly1305', ''])
  })

  it('sessions work as they do with it', () => {
    // Without the variable by which Node's test runner tells its children to report to it.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const args = ['--import', PRELOAD, '--test', '--test-reporter=tap', ...SUITES.map(path)]
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', env, maxBuffer: 2 ** 28 })
    assert.equal(status, 0, stdout.match(/^ *not ok [^\n]*\n(?: +[^\n]*\n){0,12}/gm)?.join('') ?? stdout.slice(-2000))
    assert.match(stdout, /# pass [1-9]\d\d/)
  })
})
