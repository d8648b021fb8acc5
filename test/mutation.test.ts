import assert from 'node:assert/strict'
import { existsSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { copyRepository } from '../scripts/mutation/copy.ts'
import { mutations } from '../scripts/mutation/list.ts'
import { packages, root } from '../scripts/packages.ts'

const text = (file: string) => readFileSync(join(root, file), 'utf8')

describe('the list of mutations', () => {
  it('quotes code that occurs exactly once in the file it names, and changes it', () => {
    const wrong = mutations.flatMap(({ title, file, find, replace }) => {
      if (!existsSync(join(root, file))) return [`"${title}": ${file} does not exist`]
      const times = text(file).split(find).length - 1
      return times === 1 && find !== replace ? [] : [`"${title}" occurs ${times} times in ${file}`]
    })
    assert.deepEqual(wrong, [])
  })

  it('names suites that exist', () => {
    const suites = new Set(mutations.map(({ suite }) => suite))
    assert.deepEqual(
      [...suites].filter((suite) => !existsSync(join(root, suite))),
      [],
    )
  })

  it('has no two mutations with one title', () => {
    const titles = mutations.map(({ title }) => title)
    assert.deepEqual(
      titles.filter((title, index) => titles.indexOf(title) !== index),
      [],
    )
  })
})

describe('the copy that mutations are applied to', () => {
  it('resolves our own packages to itself, and other packages to what is installed', () => {
    const copy = copyRepository()
    try {
      const resolved = (name: string) => realpathSync(join(copy, 'node_modules', name))
      for (const { folder, manifest } of packages)
        assert.equal(resolved(manifest.name), realpathSync(join(copy, folder)), manifest.name)
      for (const name of ['cookie', '@hono/node-server'])
        assert.equal(resolved(name), realpathSync(join(root, 'node_modules', name)), name)
    } finally {
      rmSync(copy, { recursive: true, force: true })
    }
  })
})
