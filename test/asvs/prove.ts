import { type TestContext, test } from 'node:test'
import { type Provable, rows } from '../../scripts/asvs/rows.ts'

/**
 * A test that proves one row of the checklist, and is named by it. Only a row that is held or offered can be proved: one that was missing
 * has to be changed first.
 */
export function prove(
  id: Provable,
  work: (t: TestContext) => Promise<void> | void,
  { skip = false }: { readonly skip?: string | false } = {},
): void {
  test(`${id}: ${rows.get(id)?.meaning}`, { skip }, work)
}
