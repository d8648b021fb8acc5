import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cookie } from '../../../packages/strongroom/src/engines/cookie/cookie.ts'
import { file } from '../../../packages/strongroom/src/engines/file/file.ts'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import { sqlite } from '../../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import type { Clock, IndexedStore, ScannableStore } from '../../../packages/strongroom/src/store.ts'
import { type Fixture, fixture } from './fixture.ts'

const directories: string[] = []
process.on('exit', () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), 'strongroom-core-'))
  directories.push(made)
  return made
}

/** The embedded stores, each new and empty, on the clock of the test. */
export const STORES: Record<string, (clock: Clock) => IndexedStore & ScannableStore> = {
  memory: (clock) => memory({ clock, max: 1000 }),
  file: (clock) => file({ dir: directory(), clock, durable: false }),
  sqlite: (clock) => sqlite({ path: join(directory(), 'sessions.db'), clock, synchronous: 'normal' }),
}

type Options = Parameters<typeof fixture>[0]

/** Sessions in cookies, with a store for what makes an end final. */
export const carried = (options?: Options, protection: 'sealed' | 'signed' = 'sealed'): Fixture =>
  fixture(options, STORES.memory, (store) => cookie({ protection, revocations: store }) as never)

/** Sessions on everything that can end them for good. */
export const WORLDS: Record<string, (options?: Options) => Fixture> = {
  ...Object.fromEntries(
    Object.entries(STORES).map(([name, make]) => [name, (options?: Options) => fixture(options, make)]),
  ),
  'cookie with revocations': carried,
}
