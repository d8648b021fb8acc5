import type { Id } from '../crypto/token.ts'
import { checkValue, type Meta, type Values } from './content.ts'
import type { LifetimeChange } from './expiry.ts'
import type { LoginOptions } from './login.ts'
import { type Changes, changedInPlace, type Edit, own, put } from './merge.ts'
import { type Serializer, Shown, shownOf } from './serializer.ts'

/** What a session is to become, beyond its data. `reroot`: a new beginning without a new login, see `revokeOthers`. */
export type Intent =
  | { readonly verb: 'login'; readonly userId: string; readonly options: LoginOptions }
  | { readonly verb: 'renew' | 'reroot' | 'logout' }

/** A session as it rests, in a store or in the cookie. */
export interface Resting {
  readonly values: Values
  /** Which of the values others have too; see `Loaded`. */
  readonly shared: Values
  /** The JSON text of `values`. */
  readonly data: string
  readonly meta: Meta
  readonly ref: { readonly expiresAt: number; readonly cookie: { readonly id: Id } }
}

/** What a session is told of the world around it. */
export interface Surroundings {
  /** The moment at which it was loaded. */
  readonly now: number
  readonly handleOf: (id: Id) => string
  readonly serializer?: Serializer | null
}

const NOTHING: Values = Object.freeze({})

/** What is known of a session in the middle of a request. It has no clock: the moment is handed in. */
export class State {
  values: Values = {}
  shared: Values = NOTHING
  /** The JSON text that `values` were read from. */
  base = '{}'
  /** Null while new. */
  meta: Meta | null = null
  expiresAt = 0
  id: Id | null = null
  /** Of an id: asked for only when needed, for it costs a hash. */
  readonly handleOf: (id: Id) => string
  readonly now: number
  /** `saving`: open, but a save is under way that a change would get lost in. */
  mode: 'open' | 'saving' | 'closed' | 'read-only' = 'open'
  intent: Intent | null = null
  lifetime: LifetimeChange | null = null
  cleared = false
  edits: Map<string, Edit> | null = null
  /** For an updated key: its text right after the last update, to tell a later change in place. */
  updated: Map<string, string | undefined> | null = null
  lent: Set<string> | null = null
  /** `restamp()` was asked for. */
  credentialChange: { readonly credential: string | undefined } | null = null
  /** What a save that is under way has made of the credential. */
  stamp: string | null = null
  /** There with a serializer: then `values` are what it makes of the application's. */
  readonly shown: Shown | null

  constructor({ now, handleOf, serializer = null }: Surroundings, loaded: Resting | null) {
    this.now = now
    this.handleOf = handleOf
    this.shown = serializer && new Shown(serializer)
    if (loaded) this.rest(loaded)
  }

  /** Takes over what rests in the store, or in the cookie, by now. */
  rest({ values, shared, data, meta, ref }: Resting): void {
    this.values = values
    this.shared = shared
    this.base = data
    this.meta = meta
    this.expiresAt = ref.expiresAt
    this.id = ref.cookie.id
  }
}

/**
 * The value under a key for the application's hands. An object that others have too is copied first, so that what is changed
 * in place is this request's own.
 */
export function lend(state: State, key: string): unknown {
  const value = own(state.values, key)
  const shown = shownOf(state.shown, key)
  if (!shown && (typeof value !== 'object' || value === null)) return value
  state.lent ??= new Set()
  state.lent.add(key)
  if (shown) return shown.show(key, value)
  if (value !== own(state.shared, key)) return value
  const copy: unknown = JSON.parse(JSON.stringify(value))
  put(ownValues(state), key, copy)
  return copy
}

/** The session's values for writing to. */
export function ownValues(state: State): Values {
  // Spread defines each key, so that one named `__proto__` stays data.
  if (state.values === state.shared) state.values = { ...state.shared }
  return state.values
}

/**
 * A copy of the values for those who come after, when the application has none of the objects in its hands: they are what
 * their text says, and stay so. Undefined otherwise.
 */
export function shareable({ values, shared }: State): Values | undefined {
  for (const key of Object.keys(values)) {
    const value = values[key]
    // Zero with a sign is one without it in JSON.
    if (typeof value === 'object' && value !== null ? value !== own(shared, key) : Object.is(value, -0))
      return undefined
  }
  return { ...values }
}

/** A change in place cannot be run again over a newer value; from then on the key counts as set. */
export function settleInPlace(state: State, key: string): void {
  refreshShown(state, key)
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

/** What the application has changed in place goes into the values that are kept. */
function refreshShown(state: State, only?: string): void {
  for (const key of state.shown?.refresh(ownValues(state), only) ?? [])
    if (state.edits?.get(key)?.kind === 'set') state.edits.set(key, { kind: 'set', value: own(state.values, key) })
}

function checkOwn({ values }: State, key: string): void {
  if (Object.hasOwn(values, key)) checkValue(key, values[key])
}

/** What this request changed, with the text of what it makes of the session, where that is known. */
export interface Changed extends Changes {
  readonly text: string | null
}

/** Null where nothing was changed; throws `DataError` for a value that cannot be kept. */
export function changesOf(state: State): Changed | null {
  refreshShown(state)
  const { lent, edits, values, cleared } = state
  for (const keys of [lent, edits?.keys()]) for (const key of keys ?? []) checkOwn(state, key)
  if (!edits && !lent && !cleared) return null
  // A key that was set to what it was, or deleted where it was not, is no change and costs no write.
  const text = cleared ? null : JSON.stringify(values)
  if (text === state.base) return null
  if (edits) for (const [key, edit] of edits) if (edit.kind === 'update') settleInPlace(state, key)
  const all = new Map(state.edits)
  if (lent && !cleared) {
    const free = [...lent].filter((key) => !all.has(key))
    for (const key of changedInPlace(free, values, state.base)) all.set(key, { kind: 'set', value: own(values, key) })
  }
  return all.size > 0 || (cleared && state.base !== '{}') ? { cleared, edits: all, text } : null
}

/** After a save: what was written is now what was loaded, and, while the session is open, goes on being watched. */
export function settle(state: State, kept: Resting): void {
  const values = kept.values === state.values ? kept.values : keepObjects(state, kept.values)
  state.shown?.settle(state.values, kept.values)
  state.rest(kept)
  state.values = values
  forgetChanges(state)
  if (state.mode !== 'closed') state.lent = new Set(Object.keys(kept.values))
}

/** After the session's end: what is put into it from now on begins a new one. */
export function startOver(state: State): void {
  state.values = {}
  state.shared = NOTHING
  state.shown?.clear()
  state.base = '{}'
  state.meta = state.id = null
  state.expiresAt = 0
  forgetChanges(state)
}

function forgetChanges(state: State): void {
  state.credentialChange = state.stamp = null
  state.intent = state.lifetime = state.edits = state.updated = state.lent = null
  state.cleared = false
}

/**
 * Of what is kept, the application's own objects where they still say the same: it may change them in place later. A copy, for
 * the others are not this request's alone.
 */
function keepObjects({ lent, values, shared }: State, kept: Values): Values {
  const merged = { ...kept }
  for (const key of lent ?? []) {
    const mine = own(values, key)
    if (mine === own(shared, key) || !Object.hasOwn(merged, key)) continue
    if (JSON.stringify(merged[key]) === JSON.stringify(mine)) put(merged, key, mine)
  }
  return merged
}
