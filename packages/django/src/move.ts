import type { Id } from 'strongroom'
import { latin1Of, type MovableSource } from 'strongroom/internal'
import type { EnumerableStore } from './engine.ts'
import type { SessionReader } from './reader.ts'
import { SOURCE_NAME } from './source.ts'

/** Django's sessions, to be moved: listed, read and ended without a request of their visitors. */
export const djangoSource = (from: EnumerableStore, reader: SessionReader): MovableSource => ({
  name: SOURCE_NAME,
  keys: (options) => from.keys(options),
  async read(key) {
    const found = await from.read(key as Id)
    return found && reader.session(latin1Of(found.entry.bytes), found.entry.expiresAt)
  },
  end: (key) => from.delete(key as Id),
})
