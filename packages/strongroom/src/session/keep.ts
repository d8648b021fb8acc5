import { parseJson } from '../base/json.ts'
import { lend, pendingChanges } from './changes.ts'
import { checkValue, type Values, VERSION } from './content.ts'
import { HIDDEN } from './data-rules.ts'
import { keysOf } from './kept-keys.ts'
import type { KeepData, KeepLogin } from './login.ts'
import { applyChanges, type Edit } from './merge.ts'
import type { KeptBy, State } from './state.ts'
import { own, put } from './values.ts'

/** What a login keeps of the data. Throws `TypeError` for a function that returns no data. */
export const keptBy: KeptBy = (state, keep, login) => {
  const before = pendingChanges(state)
  const kept = (values: Values, read: (key: string) => unknown) =>
    typeof keep === 'function'
      ? [...chosenBy(keep, login, { values, read }), ...hiddenOf(values, login, read)]
      : keysOf(keep).map((key) => [key, read(key)] as const)
  /** The same of a newer copy, with what this request had changed before the login. JSON values. */
  function ofNewer(newer: Values): Values {
    const values = applyChanges(before(), newer)
    const found: Values = {}
    for (const [key, value] of kept(values, (key) => copyOf(state, key, own(values, key)))) {
      if (value === undefined) continue
      put(found, key, applicationOf(state, key)?.toJson(key, value) ?? value)
      checkValue(key, found[key])
    }
    const version = own(values, VERSION)
    if (version === undefined || Object.keys(found).length === 0) return found
    const all = { ...found, [VERSION]: version }
    // A function may have returned what it did not return before.
    return state.dataRules?.check(all, { cleared: true, edits: keepsOf(all) }, { shared: newer }) ?? all
  }

  return {
    now: [...kept(state.values, (key) => lend(state, key)), [VERSION, own(state.values, VERSION)]],
    begin() {
      state.edits &&= keepsOf(Object.fromEntries(state.edits))
      for (const key of state.edits?.keys() ?? []) {
        state.updated ??= new Map()
        state.updated.set(key, JSON.stringify(own(state.values, key)))
      }
      state.kept = ofNewer
    },
  }
}

const keepsOf = (values: object) => new Map<string, Edit>(Object.keys(values).map((key) => [key, { kind: 'keep' }]))

const isData = (key: string) => !key.startsWith('~')

const applicationOf = ({ application }: State, key: string) => (isData(key) ? application : null)

/** For a function, which may change it. */
function copyOf(state: State, key: string, value: unknown): unknown {
  if (value === undefined) return undefined
  const copy: unknown = parseJson(JSON.stringify(value))
  const application = applicationOf(state, key)
  return application ? application.fromJson(key, copy) : copy
}

interface Readable {
  readonly values: Values
  readonly read: (key: string) => unknown
}

function chosenBy(keep: KeepData, login: KeepLogin, { values, read }: Readable): readonly [string, unknown][] {
  const data = Object.fromEntries(
    Object.keys(values)
      .filter(isData)
      .map((key) => [key, read(key)]),
  )
  const chosen: unknown = keep(data, login)
  // Nobody waits for it: a rejection would end the process.
  if (chosen instanceof Promise) chosen.catch(() => undefined)
  if (typeof chosen !== 'object' || chosen === null || Array.isArray(chosen) || 'then' in chosen)
    throw new TypeError('keep must return the data to keep, as a plain object, and not a promise of them.')
  const entries = Object.entries(chosen)
  if (entries.every(([key]) => isData(key) && key !== '')) return entries
  throw new TypeError("keep must return data under keys of a session: not empty, and without '~' at the beginning.")
}

/**
 * What a schema of an older version does not show is not for the function to drop. Another user's stays with that user: nobody would
 * notice that it went on.
 */
const hiddenOf = (
  values: Values,
  { userId, previousUserId }: KeepLogin,
  read: Readable['read'],
): readonly (readonly [string, unknown])[] =>
  previousUserId === null || previousUserId === userId
    ? Object.keys(values)
        .filter((key) => key.startsWith(HIDDEN))
        .map((key) => [key, read(key)] as const)
    : []
