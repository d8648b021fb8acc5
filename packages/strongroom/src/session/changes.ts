import { parseJson } from '../base/json.ts'
import { checkValue, type Values } from './content.ts'
import { type Changes, changedInPlace } from './merge.ts'
import { applicationValuesOf } from './serializer.ts'
import type { State, StoredSession } from './state.ts'
import { own, put } from './values.ts'

/**
 * The value of a key, for the application. An object that other requests have too is copied first, so that what the
 * application changes in place is this request's own.
 */
export function lend(state: State, key: string): unknown {
  const value = own(state.values, key)
  const application = applicationValuesOf(state.application, key)
  if (!application && (typeof value !== 'object' || value === null)) return value
  state.lent ??= new Set()
  state.lent.add(key)
  if (application) return application.get(key, value)
  if (value !== own(state.shared, key)) return value
  const copy: unknown = parseJson(JSON.stringify(value))
  put(writableValues(state), key, copy)
  return copy
}

/** The session's values, to be written to. */
export function writableValues(state: State): Values {
  // Spread defines each key, so that one named `__proto__` stays data.
  if (state.values === state.shared) state.values = { ...state.shared }
  return state.values
}

/**
 * The values for later requests, if the application has no reference to any of their objects: then nothing can change them any
 * more. Undefined otherwise.
 */
export function shareable({ values, shared }: State): Values | undefined {
  // Not a copy: beside one, this request would take these for its own and write to them, although others have them.
  if (values === shared) return values
  for (const key of Object.keys(values)) {
    const value = values[key]
    // Negative zero comes back from JSON as zero.
    if (typeof value === 'object' && value !== null ? value !== own(shared, key) : Object.is(value, -0))
      return undefined
  }
  return { ...values }
}

/** A change in place cannot be run again over a newer value, so from then on the key counts as set. */
export function settleInPlace(state: State, key: string): void {
  refreshFromApplication(state, key)
  checkOwn(state, key)
  const edit = state.edits?.get(key)
  const changed =
    edit?.kind === 'update' || edit?.kind === 'keep'
      ? JSON.stringify(own(state.values, key)) !== state.updated?.get(key)
      : !edit && !state.cleared && state.lent?.has(key) && changedInPlace([key], state.values, state.base).length > 0
  if (!changed) return
  state.edits ??= new Map()
  state.edits.set(key, { kind: 'set', value: own(state.values, key) })
}

/** With a serializer: what the application changed in place is serialized again. */
function refreshFromApplication(state: State, only?: string): void {
  for (const key of state.application?.refresh(writableValues(state), only) ?? [])
    if (state.edits?.get(key)?.kind === 'set') state.edits.set(key, { kind: 'set', value: own(state.values, key) })
}

function checkOwn({ values }: State, key: string): void {
  if (Object.hasOwn(values, key)) checkValue(key, values[key])
}

/** What this request changed, and the JSON of what it makes of the session, where that is known. */
export interface RequestChanges extends Changes {
  readonly text: string | null
}

const NO_EDITS: Changes['edits'] = new Map()

function withChangesInPlace({ edits, values, base }: State, lent: ReadonlySet<string>): Changes['edits'] {
  const all = new Map(edits)
  const rest = [...lent].filter((key) => !all.has(key))
  for (const key of changedInPlace(rest, values, base)) all.set(key, { kind: 'set', value: own(values, key) })
  return all
}

/** What this request has changed so far, for when it has been cleared. What the application changes later is not in it. */
export function pendingChanges(state: State): () => Changes {
  refreshFromApplication(state)
  const { lent, updated, values, base, cleared, kept } = state
  const edits = new Map(state.edits)
  return () => {
    const set = (key: string) => edits.set(key, { kind: 'set', value: own(values, key) })
    for (const key of updated?.keys() ?? [])
      if (edits.has(key) && JSON.stringify(own(values, key)) !== updated?.get(key)) set(key)
    const rest = cleared ? [] : [...(lent ?? [])].filter((key) => !edits.has(key))
    for (const key of changedInPlace(rest, values, base)) set(key)
    return { cleared, kept, edits }
  }
}

/** Null if nothing was changed; throws `DataError` for a value that cannot be stored, or does not fit `dataSchema`. */
export function changesOf(state: State): RequestChanges | null {
  refreshFromApplication(state)
  const { lent, edits, values, cleared } = state
  for (const keys of [lent, edits?.keys()]) for (const key of keys ?? []) checkOwn(state, key)
  if (!edits && !lent && !cleared) return null
  // A key that was set to what it was, or deleted where there was none, is no change and costs no write.
  const text = cleared ? null : JSON.stringify(values)
  if (text === state.base) return null
  if (edits)
    for (const [key, edit] of edits) if (edit.kind === 'update' || edit.kind === 'keep') settleInPlace(state, key)
  const all = lent && !cleared ? withChangesInPlace(state, lent) : (state.edits ?? NO_EDITS)
  return all.size > 0 || (cleared && state.base !== '{}')
    ? checked(state, { cleared, kept: state.kept, edits: all, text })
    : null
}

/** Here and not in `set`: what was changed in place is checked, too, and a rule about two keys after both were set. */
function checked(state: State, changes: RequestChanges): RequestChanges {
  const { dataRules, values } = state
  if (dataRules === null) return changes
  state.values = dataRules.check(values, changes, state)
  return state.values === values ? changes : { ...changes, text: null }
}

/** After a save: what was written counts as loaded, and while the session is open, changes of it are noticed again. */
export function settle(state: State, stored: StoredSession): void {
  const values = stored.values === state.values ? stored.values : withObjectsOfApplication(state, stored.values)
  state.application?.settle(state.values, stored.values)
  state.setStored(stored)
  state.values = values
  state.forgetChanges()
  if (!state.isClosed) state.lent = new Set(Object.keys(stored.values))
}

/**
 * The stored values, with the application's own objects where they still say the same: it may change them in place later. In
 * a copy, because others have the stored values too.
 */
function withObjectsOfApplication({ lent, values, shared }: State, stored: Values): Values {
  const merged = { ...stored }
  for (const key of lent ?? []) {
    const mine = own(values, key)
    if (mine === own(shared, key) || !Object.hasOwn(merged, key)) continue
    if (JSON.stringify(merged[key]) === JSON.stringify(mine)) put(merged, key, mine)
  }
  return merged
}
