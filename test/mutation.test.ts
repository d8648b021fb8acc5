import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { copyRepository } from '../scripts/mutation/copy.ts'
import { mutations } from '../scripts/mutation/list.ts'
import type { Mutation } from '../scripts/mutation/mutation.ts'
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

  it('lists no mistake twice', () => {
    const all = mutations.map(({ file, find, replace }) => JSON.stringify([file, find, replace]))
    assert.deepEqual(
      all.filter((one, at) => all.indexOf(one) !== at),
      [],
    )
  })

  it('names suites that exist', () => {
    const suites = new Set(mutations.map(({ suite }) => suite))
    assert.deepEqual(
      [...suites].filter((suite) => !existsSync(join(root, suite))),
      [],
    )
  })

  it('makes only mistakes that compile, so that no suite fails because a file cannot be loaded', () => {
    const copy = copyRepository()
    try {
      const planted = { ...(mutations[0] as Mutation), title: 'planted', replace: 'return this.#undeclared' }
      const inTypeScript = mutations.filter(({ file }) => file.endsWith('.ts'))
      const [found, ...others] = compile(copy, [planted, ...inTypeScript])
      assert.match(found ?? '', /^"planted": error TS\d+: .*#undeclared/)
      assert.deepEqual(others, [])
    } finally {
      rmSync(copy, { recursive: true, force: true })
    }
  })

  it('has no two mutations with one title', () => {
    const titles = mutations.map(({ title }) => title)
    assert.deepEqual(
      titles.filter((title, index) => titles.indexOf(title) !== index),
      [],
    )
  })
})

/** Compiles every mutated file, beside the original of a copy. Returns the errors, each with the title of its mutation. */
function compile(copy: string, list: readonly Mutation[]): string[] {
  const titles = new Map<string, string>()
  for (const [index, { title, file, find, replace }] of list.entries()) {
    const mutated = file.replace(/\.ts$/, `.mutation-${index}.ts`)
    writeFileSync(
      join(copy, mutated),
      text(file).replace(find, () => replace),
    )
    titles.set(mutated, title)
  }
  // A mistake may leave something unused. That does not prevent the file from running.
  const compilerOptions = { noUnusedLocals: false, noUnusedParameters: false, allowUnreachableCode: true }
  const project = join(copy, 'tsconfig.mutations.json')
  writeFileSync(project, JSON.stringify({ extends: './tsconfig.json', compilerOptions, files: [...titles.keys()] }))
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const { status, stdout } = spawnSync(process.execPath, [tsc, '--pretty', 'false', '-p', project], {
    cwd: copy,
    encoding: 'utf8',
  })
  // The lines that are indented explain the error above them.
  const lines = stdout.split('\n').filter((line) => /^\S/.test(line))
  if (status !== 0 && lines.length === 0) return ['tsc did not run']
  return lines.map((line) => {
    const [, file = '', error] = /^(\S+?)\(\d+,\d+\): (.*)/.exec(line) ?? []
    return titles.has(file) ? `"${titles.get(file)}": ${error}` : line
  })
}

describe('npm run mutation', () => {
  it('fails when no mutation has the words that were given', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/mutation.ts', 'sqlte'], {
      cwd: root,
      encoding: 'utf8',
    })
    assert.equal(status, 1)
    assert.equal(stderr, 'No mutation has "sqlte" in its title or in the name of its file.\n')
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
