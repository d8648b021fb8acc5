import assert from 'node:assert/strict'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { suite, test } from 'node:test'
import { root } from '../../scripts/packages.ts'
import type { Sources } from './edges.ts'

export const read = (files: readonly string[]) =>
  new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]))

const below = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))

/** Every file below `src` of our packages, hidden ones and links included. */
export const sources = read(globSync('packages/*/src', { cwd: root }).flatMap(below).sort())

/** The rule finds nothing in the real tree, one fault in each planted source, and none in what only looks like it. */
export function keeps(
  title: string,
  rule: (sources: Sources) => string[],
  { caught, fine = [] }: { caught: readonly Record<string, string>[]; fine?: readonly Record<string, string>[] },
) {
  suite(title, () => {
    test('in the sources', () => assert.deepEqual(rule(sources), []))
    for (const planted of caught)
      test(`finds ${titleOf(planted)}`, () => {
        const faults = rule(new Map(Object.entries(planted)))
        assert.equal(faults.length, 1, JSON.stringify(faults))
      })
    for (const innocent of fine)
      test(`allows ${titleOf(innocent)}`, () => assert.deepEqual(rule(new Map(Object.entries(innocent))), []))
  })
}

const titleOf = (planted: Record<string, string>) => {
  const [[path = '', text = ''] = []] = Object.entries(planted)
  return text ? `${path}: ${text.split('\n')[0]}` : Object.keys(planted).join(', ')
}

export const inStrongroom = (files: Record<string, string>) =>
  Object.fromEntries(Object.entries(files).map(([file, text]) => [`packages/strongroom/src/${file}`, text]))
