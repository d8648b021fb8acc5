import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../scripts/packages.ts'

/** The types of all events, by the table of docs/events.md; test/docs.test.ts compares it with the source. */
export function eventTypes(): string[] {
  const page = readFileSync(join(root, 'docs', 'events.md'), 'utf8')
  const [table = ''] = /^\| type \| when[\s\S]*?\n\n/m.exec(page) ?? []
  const types = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, type = '']) => type)
  if (types.length < 25) throw new Error('The table of events was not found.')
  return types
}
