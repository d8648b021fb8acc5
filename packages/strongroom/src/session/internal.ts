import { writableValues } from './changes.ts'
import type { State } from './state.ts'
import { put } from './values.ts'

/** Sets a value of the library's own: its key begins with `~`, which no key of an application does. */
export function setInternal(state: State, key: string, value: unknown): void {
  state.assertOpen()
  put(writableValues(state), key, value)
  state.edits ??= new Map()
  state.edits.set(key, { kind: 'set', value })
}
