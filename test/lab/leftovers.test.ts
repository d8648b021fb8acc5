import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, suite, test } from 'node:test'
import { removeLeftovers, sign } from '../../packages/cli/src/lab/leftovers.ts'

suite('what a run of the lab has left that was killed', { skip: process.platform === 'win32' && 'no user ids' }, () => {
  const parent = mkdtempSync(join(tmpdir(), 'strongroom-leftovers-'))
  after(() => rmSync(parent, { recursive: true, force: true }))
  let count = 0
  let folder: string

  const newFolder = () => {
    const path = join(parent, `strongroom-lab-${count++}`)
    mkdirSync(join(path, 'sqlite'), { recursive: true })
    return path
  }
  const signature = () => join(folder, 'process.json')
  const signed = () => JSON.parse(readFileSync(signature(), 'utf8')) as { pid: number; began: string; where: string }
  const change = (what: object) => writeFileSync(signature(), JSON.stringify({ ...signed(), ...what }))
  const isRemoved = () => {
    removeLeftovers(parent)
    return !existsSync(folder)
  }

  beforeEach(() => {
    folder = newFolder()
    sign(folder)
  })

  test('stays while its process runs', () => assert.equal(isRemoved(), false))

  test('is removed when its process has ended', async () => {
    const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
    await once(child, 'exit')
    change({ pid: child.pid })
    assert.equal(isRemoved(), true)
  })

  test('is removed when another process has its id', () => {
    change({ began: 'another moment' })
    assert.equal(isRemoved(), true)
  })

  test('stays where process ids mean something else: on another host, in another container', () => {
    change({ where: 'elsewhere', began: 'another moment' })
    assert.equal(isRemoved(), false)
  })

  test('stays without a signature, and with one that says nothing', () => {
    for (const text of ['', '{}', '{"pid":"1"}', 'null', JSON.stringify({ where: signed().where })]) {
      writeFileSync(signature(), text)
      assert.equal(isRemoved(), false, text)
    }
    rmSync(signature())
    assert.equal(isRemoved(), false)
  })

  test('stays when it is of another user', { skip: process.getuid?.() !== 0 && 'only root can give it to one' }, () => {
    change({ began: 'another moment' })
    chownSync(folder, 1, 1)
    assert.equal(isRemoved(), false)
    chownSync(folder, 0, 0)
    assert.equal(isRemoved(), true)
  })

  test('is not looked for under other names, or behind links', () => {
    change({ began: 'another moment' })
    const elsewhere = mkdtempSync(join(parent, 'somebody-'))
    writeFileSync(join(elsewhere, 'process.json'), readFileSync(signature()))
    const link = join(parent, 'strongroom-lab-link')
    symlinkSync(elsewhere, link)
    // What a link in the folder itself points to stays, too.
    symlinkSync(elsewhere, join(folder, 'sqlite', 'link'))
    assert.equal(isRemoved(), true)
    assert.equal(existsSync(join(elsewhere, 'process.json')), true)
    assert.equal(existsSync(link), true)
  })
})
