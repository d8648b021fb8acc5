import type { CopyKeys } from '../../store.ts'

/**
 * Keys for one part of a store that is made of others. No copy of one part opens in another, where the same id may stand for
 * something else: a session that is being moved, or a copy of a copy.
 */
export function keysOfPart(part: string, keys: CopyKeys): CopyKeys {
  return {
    sign: (name, bytes) => keys.sign(`${part} ${name}`, bytes),
    open: (name, signed) => keys.open(`${part} ${name}`, signed),
  }
}
