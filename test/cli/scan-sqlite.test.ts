import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { after, suite, test } from 'node:test'
import { type Report, scanFile } from '../../packages/cli/src/scan/scan.ts'
import { Project } from './project.ts'

const project = new Project()
after(() => project.remove())

const scan = (name: string) => scanFile(project.path(name), { pgRestore: null })

async function scanned(bytes: Buffer | string): Promise<Report> {
  writeFileSync(project.path('x'), bytes)
  return scan('x')
}

suite('hostile pages of SQLite', () => {
  const SIZE = 32_768

  /** A page of rows, on which every pointer leads to one cell with thousands of columns, all of them NULL. */
  function overlapping(): Buffer {
    const page = Buffer.alloc(SIZE)
    const [pointers, cells, size] = [8, 8000, 16_000]
    const at = pointers + 2 * cells
    page[0] = 13
    page.writeUInt16BE(cells, 3)
    for (let cell = 0; cell < cells; cell++) page.writeUInt16BE(at, pointers + 2 * cell)
    const varint = [0x80 | (size >> 7), size & 127]
    page.set([...varint, 1, ...varint], at)
    return page
  }

  test('pages on which rows overlap are damaged, and are read in a time that is proportional to their size', async () => {
    const database = new DatabaseSync(project.path('pages.db'))
    database.exec(`PRAGMA page_size = ${SIZE}; CREATE TABLE x (y)`)
    database.close()
    const first = readFileSync(project.path('pages.db')).subarray(0, SIZE)
    first.writeUInt32BE(101, 28)
    const pages = Buffer.concat([first, ...Array(100).fill(overlapping())])
    const start = performance.now()
    const { problem } = await scanned(pages)
    // Without a bound, this takes a minute or two.
    assert.ok(performance.now() - start < 15_000)
    assert.match(problem ?? '', /^100 parts of it were not understood: the first is a damaged page/)
  })
})
