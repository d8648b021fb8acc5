import type { CookieEngine, Store } from 'strongroom'
import { keysOf, labelledUnder } from 'strongroom/internal'
import type { Check } from './check.ts'

/** Enough sessions to say that a key is in use. Of more, `keys list --count` reads all. */
const MOST = 5_000

/** A store that is opened makes what is missing, or changes the journal of a file: then it is not read. */
const NOT_AS_IT_SHOULD_BE = [
  'store-answers',
  'postgres-table',
  'mysql-table',
  'sqlite-table',
  'sqlite-database',
  'sqlite-journal',
  'file-directory',
]

/** How many of the stored sessions need each key, by key id; null when not all of them could be read. */
export async function keyUseIn(
  engine: Store | CookieEngine | null,
  checks: readonly Check[],
): Promise<ReadonlyMap<number, number> | null> {
  if (engine === null || 'kind' in engine || !engine.scan || engine.traits.shared === 'process') return null
  if (checks.some(({ name, level }) => level !== 'green' && NOT_AS_IT_SHOULD_BE.includes(name))) return null
  const use = new Map<number, number>()
  let count = 0
  for await (const page of engine.scan()) {
    count += page.length
    if (count > MOST) return null
    const found = await Promise.all(page.map(({ id }) => engine.read(id)))
    for (const { bytes, label } of found.flatMap((each) => each?.entry ?? [])) {
      const kids = new Set(keysOf(bytes))
      const forLabel = labelledUnder(label)
      if (forLabel !== null) kids.add(forLabel)
      for (const kid of kids) use.set(kid, (use.get(kid) ?? 0) + 1)
    }
  }
  return use
}
