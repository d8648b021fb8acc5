import assert from 'node:assert/strict'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { root } from '../../../scripts/packages.ts'
import { nest11 } from '../../adapters/nest/version.ts'
import { ran } from '../../bundlers/program.ts'
import { type Project, packedProject } from '../../bundlers/project.ts'
import { readPage, toProgram } from '../../support/docs/page.ts'
import { Runner, runTests } from '../../support/docs/run.ts'

const NESTS = { 'Nest 12': () => root, 'Nest 11': nest11 }
const EXAMPLE = 'examples/nest/main.ts'
const TSC = join('node_modules', 'typescript', 'bin', 'tsc')

/** Decorators: neither Node nor test/docs.test.ts can run them. */
const blocks = readPage('docs/nest.md').blocks.filter(({ language }) => language === 'typescript')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

for (const [version, folder] of Object.entries(NESTS))
  suite(`docs/nest.md and its example, compiled by TypeScript in a project with ${version}`, {
    timeout: 300_000,
  }, () => {
    let project: Project
    const runner = new Runner()
    before(async () => {
      project = await packedProject()
      for (const name of ['typescript', '@types']) project.borrow(name)
      for (const name of ['@nestjs', 'reflect-metadata', 'rxjs', 'fastify'])
        symlinkSync(join(folder(), 'node_modules', name), join(project.folder, 'node_modules', name), 'junction')
      for (const block of blocks) project.write(`line-${block.line}.ts`, toProgram(block))
      project.write('example.ts', read(EXAMPLE))
      project.write('tsconfig.json', read('examples/nest/tsconfig.json'))
      ran(project.folder, [TSC, '--pretty', 'false'])
    })
    after(() => {
      runner.end()
      project.remove()
    })

    for (const { line, info, conversation } of blocks)
      test(`docs/nest.md:${line} does what it says`, () => {
        const file = join(project.folder, 'dist', `line-${line}.js`)
        return info === 'test' ? runTests(file) : runner.run(file, conversation)
      })

    test(`${EXAMPLE} does what it says`, async () => {
      const conversation = /\/\* try\n([\s\S]*?)\*\//.exec(read(EXAMPLE))?.[1] ?? null
      assert.ok(conversation)
      await runner.run(join(project.folder, 'dist', 'example.js'), conversation)
    })
  })
