import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { after, suite, test } from 'node:test'
import { root } from '../scripts/build.ts'
import { manifest } from '../scripts/pack.ts'
import { type Block, readPage, toProgram } from './support/docs/page.ts'
import { newProject } from './support/docs/project.ts'
import { Runner, runTests } from './support/docs/run.ts'

const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', ...globSync('docs/*.md', { cwd: root })]
  .sort()
  .map(readPage)
const blocks = pages.flatMap((page) => page.blocks).filter(({ language }) => ['ts', 'js'].includes(language))
const examples = globSync('examples/**/*.ts', { cwd: root }).sort()
const read = (file: string) => readFileSync(join(root, file), 'utf8')

suite('what the documentation shows is true', () => {
  const project = newProject()
  after(() => project.remove())

  const nameOf = ({ page, line }: Block) => `${page.replaceAll('/', '-')}.${line}.ts`
  const shown = blocks.filter(({ file }) => file === null)
  for (const block of shown) project.put(nameOf(block), toProgram(block))
  for (const file of examples) project.put(file, read(file))

  test('every example compiles in a project of a user', () => assert.deepEqual(project.compile(), []))

  suite('every example runs and does what it says', { concurrency: 2 }, () => {
    for (const { path } of pages) {
      const running = shown.filter(({ page, info }) => page === path && info !== 'fragment')
      if (running.length === 0) continue
      suite(path, { concurrency: 1 }, () => {
        const runner = new Runner()
        after(() => runner.end())
        for (const block of running)
          test(`line ${block.line}`, () => {
            const file = join(project.folder, nameOf(block))
            return block.info === 'test' ? runTests(file) : runner.run(file, block.conversation)
          })
      })
    }
    for (const file of examples.filter((file) => !file.includes('/engine/')))
      test(file, async () => {
        const runner = new Runner()
        await runner.run(join(project.folder, file), /\/\* try\n([\s\S]*?)\*\//.exec(read(file))?.[1] ?? null)
        runner.end()
      })
    test('the engine in examples/engine is a store, in under 100 lines', async () => {
      assert.ok(read('examples/engine/document-store.ts').split('\n').length <= 100)
      await runTests(join(project.folder, 'examples/engine/document-store.test.ts'))
    })
  })
})
