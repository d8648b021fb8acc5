import { checkValue, type Meta, type Values } from './codec/json.ts'
import type { LifetimeChange } from './expiry.ts'
import type { LoginOptions } from './login.ts'
import { type Changes, changedInPlace, type Edit, own, put } from './merge.ts'
import type { Id } from './token.ts'

/** What a session is to become, beyond its data. `reroot`: a new beginning without a new login, see `revokeOthers`. */
export type Intent =
  | { readonly verb: 'login'; readonly userId: string; readonly options: LoginOptions }
  | { readonly verb: 'renew' | 'reroot' | 'logout' }

/** How a session begins: loaded (with `meta`) or new. Times are handed in, for a session has no clock. */
export interface Beginning {
  readonly values: Values
  /** The JSON text that `values` were read from. */
  readonly base: string
  readonly meta: Meta | null
  readonly expiresAt: number
  readonly id: Id | null
  /** Asked for only when needed, for it costs a hash. */
  readonly handle: (() => string) | null
  readonly now: number
  readonly readOnly: boolean
}

export interface State {
  values: Values
  base: string
  meta: Meta | null
  expiresAt: number
  id: Id | null
  handle: (() => string) | null
  readonly now: number
  /** `saving`: open, but a save is under way that a change would get lost in. */
  mode: 'open' | 'saving' | 'closed' | 'read-only'
  intent: Intent | null
  lifetime: LifetimeChange | null
  cleared: boolean
  edits: Map<string, Edit> | null
  /** For an updated key: its text right after the last update, to tell a later change in place. */
  updated: Map<string, string | undefined> | null
  lent: Set<string> | null
}

export const beginState = ({ values, base, meta, expiresAt, id, handle, now, readOnly }: Beginning): State => ({
  values,
  base,
  meta,
  expiresAt,
  id,
  handle,
  now,
  mode: readOnly ? 'read-only' : 'open',
  intent: null,
  lifetime: null,
  cleared: false,
  edits: null,
  updated: null,
  lent: null,
})

/** A change in place cannot be run again over a newer value; from then on the key counts as set. */
export function settleInPlace(state: State, key: string): void {
  checkOwn(state, key)
  const edit = state.edits?.get(key)
  const changed =
    edit?.kind === 'update'
      ? JSON.stringify(own(state.values, key)) !== state.updated?.get(key)
      : !edit && !state.cleared && state.lent?.has(key) && changedInPlace([key], state.values, state.base).length > 0
  if (!changed) return
  state.edits ??= new Map()
  state.edits.set(key, { kind: 'set', value: own(state.values, key) })
}

function checkOwn({ values }: State, key: string): void {
  if (Object.hasOwn(values, key)) checkValue(key, values[key])
}

/** What this request changed, or null; throws `DataError` for a value that cannot be kept. */
export function changesOf(state: State): Changes | null {
  const { lent, edits, values, cleared } = state
  for (const keys of [lent, edits?.keys()]) for (const key of keys ?? []) checkOwn(state, key)
  if (!edits && !lent && !cleared) return null
  // A key that was set to what it was, or deleted where it was not, is no change and costs no write.
  if (!cleared && JSON.stringify(values) === state.base) return null
  if (edits) for (const [key, edit] of edits) if (edit.kind === 'update') settleInPlace(state, key)
  const all = new Map(state.edits)
  if (lent && !cleared) {
    const free = [...lent].filter((key) => !all.has(key))
    for (const key of changedInPlace(free, values, state.base)) all.set(key, { kind: 'set', value: own(values, key) })
  }
  return all.size > 0 || (cleared && state.base !== '{}') ? { cleared, edits: all } : null
}

/** After a save in the middle of a request: what was written is now what was loaded, and goes on being watched. */
export function settle(
  state: State,
  kept: Pick<State, 'values' | 'base' | 'meta' | 'expiresAt' | 'id' | 'handle'>,
): void {
  if (kept.values !== state.values) keepObjects(state, kept.values)
  Object.assign(state, kept)
  state.intent = state.lifetime = state.edits = state.updated = null
  state.cleared = false
  state.lent = new Set(Object.keys(kept.values))
}

/** Merged values are new objects. Where one still says the same, the application's own stays: it may be changed in place later. */
function keepObjects({ lent, values }: State, merged: Values): void {
  for (const key of lent ?? [])
    if (Object.hasOwn(merged, key) && JSON.stringify(merged[key]) === JSON.stringify(own(values, key)))
      put(merged, key, own(values, key))
}
