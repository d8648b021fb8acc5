/**
 * `node scripts/asvs.ts` runs the tests in test/asvs, and writes docs/asvs.md from the rows of the checklist. It writes nothing, and its exit
 * code is 1, if a row that is held or offered was not proved, because its test failed, was skipped or does not exist; or if another test
 * there failed.
 */
import { globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'node:test'
import { pageOf } from './asvs/page.ts'
import { proofs } from './asvs/proofs.ts'
import { rows } from './asvs/rows.ts'
import { root } from './packages.ts'

// The rules of the table are the last to know: while the page is old, they fail.
const files = globSync('test/asvs/*.test.ts', { cwd: root, exclude: ['**/rows.test.ts'] }).map((file) =>
  join(root, file),
)

const proved = new Set<string>()
const failed: string[] = []
for await (const { type, data } of run({ files, concurrency: 2 })) {
  if (type === 'test:pass' && !data.skip && !data.todo) proved.add(data.name.split(': ')[0] ?? '')
  if (type === 'test:fail') failed.push(data.name)
}

const provable = [...rows].filter(([, { who }]) => who === 'held' || who === 'offered')
const open = provable.filter(([id]) => !proved.has(id))
for (const [id, { meaning }] of open) console.error(`not proved: ${id}: ${meaning}`)
// What belongs to no row, such as the same between two servers.
if (open.length === 0) for (const name of failed) console.error(`failed: ${name}`)
if (open.length > 0 || failed.length > 0) process.exitCode = 1
else {
  writeFileSync(join(root, 'docs', 'asvs.md'), pageOf(rows, proofs()))
  console.log(`docs/asvs.md: ${provable.length} rows were proved.`)
}
