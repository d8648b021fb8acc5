import { type Mutation, on } from './mutation.ts'

const source = (file: string) => `packages/strongroom/src/${file}.ts`
const checked = on('test/core/data-schema.test.ts', source('session/data-schema'))
const asked = on('test/core/data-schema.test.ts', source('session/data-rules'))
const versioned = on('test/core/data-versions.test.ts', source('session/data-schema'))

/** Data that are lost, or that nobody has checked. */
export const dataSchemaMutations: readonly Mutation[] = [
  asked(
    'a required key that is not set, and makes all of a session unfit',
    'if (key !== undefined) return [key]',
    'if (key !== undefined) return [key, ...Object.keys(data)]',
  ),
  asked(
    'a rule about several keys that names none, and is not noticed',
    'Array.isArray(keys) ? keys.map(String) : Object.keys(data)',
    'Array.isArray(keys) ? keys.map(String) : []',
  ),
  asked(
    'a strict schema of zod that drops everything',
    'return Array.isArray(keys) ? keys.map(String) : Object.keys(data)',
    'return Object.keys(data)',
  ),
  checked(
    'messages that are lost because a basket does not fit',
    "const isData = (key: string) => !key.startsWith('~')",
    'const isData = (_key: string) => true',
  ),
  checked(
    'a wrong value that is saved, and lost at the next load',
    "if (first !== undefined) throw unfit(changed.find((key) => keys.includes(key)) ?? first, issues, 'save')",
    '',
  ),
  checked(
    "the schema's messages, which quote values, in a log",
    "Object.defineProperty(new Error('The schema has issues: see error.cause.issues.'), 'issues', {",
    "Object.defineProperty(new Error(issues[0]?.message), 'issues', { enumerable: true,",
  ),
  checked('a session that is checked at every request although it is remembered', 'this.#seen.set(values, fit)', ''),
  checked(
    'a schema that a session without data does not fit',
    'if (issuesOf(schema, {}).every((issue) => keyOf(issue) !== undefined)) return',
    'if (issuesOf(schema, {})) return',
  ),
  asked(
    'an asynchronous schema that is ignored',
    "if ('then' in result && typeof result.then === 'function') {",
    "if ('then' in result && typeof result.then === 'function') return []\n  if ('then' in result) {",
  ),
  asked(
    'a promise of another library whose data are saved unchecked',
    "'then' in result && typeof result.then === 'function'",
    'result instanceof Promise',
  ),
  asked(
    'an issue that names a symbol, and is ignored',
    "key === undefined || typeof key === 'symbol'",
    'key === undefined',
  ),
  asked(
    'a schema without a result, whose data are saved unchecked',
    "if (typeof result !== 'object' || result === null) throw noResult()",
    "if (typeof result !== 'object' || result === null) return []",
  ),
  checked('a schema that is asked once for each of thousands of keys', 'round < MOST_ROUNDS ?', 'round < Infinity ?'),
  checked('data that nobody has found to fit, and that are shown after the last round', ': Object.keys(rest)', ': []'),
  checked('a warning with thousands of names', 'fact.keys.slice(0, MOST_NAMES)', 'fact.keys'),
  versioned(
    'data that do not fit, and whose removal counts as a change of a request that only reads',
    '{ ...copy, ...fit, shared: fit.values, stored',
    '{ ...copy, values: fit.values, shared: fit.values, stored',
  ),
  on('test/core/data-schema.test.ts', source('request/save'))(
    'data that a request which only reads removes from a cookie when it extends it',
    'touch(loaded.ref, asStored(loaded), expiresAt)',
    'touch(loaded.ref, loaded, expiresAt)',
  ),
  on('test/core/data-schema.test.ts', source('request/save'))(
    'data that do not fit, and that are shown once the session was stored again',
    'return isLoaded(saved) ? fitted(context, saved) : saved',
    'return saved',
  ),
  on('test/core/data-versions.test.ts', source('request/save'))(
    'an upgrade that saveEveryRequest stores although nothing was changed',
    'const loaded = asStored(plan.loaded)',
    'const { loaded } = plan',
  ),
  on('test/core/data-versions.test.ts', source('request/save'))(
    "another request's data that saveEveryRequest upgrades in the store",
    'context: { ...task.context, dataRules: null }',
    'context: task.context',
  ),
  on('test/core/data-schema.test.ts', source('session/data-rules'))(
    'a schema with a key of ours that is taken for what dataSchema() makes',
    "Symbol.for('dataSchema')",
    "'rules' as never",
  ),
  on('test/core/data-schema.test.ts', source('session/changes'))(
    'changes that are not checked by the schema',
    'state.values = dataRules.check(values, changes, state)',
    'state.values = values',
  ),
  versioned(
    'a server of an older version that changes data which it does not know',
    'if (!cleared) return true',
    'if (!cleared) return false',
  ),
  versioned(
    'data of a newer version that an older one changes after a login has kept them',
    'return changed.some((key) => differs(key) || differs(HIDDEN + key))',
    'return false',
  ),
  versioned(
    'a hidden key that a login has kept, and whose removal is ignored',
    'differs(key) || differs(HIDDEN + key)',
    'differs(key)',
  ),
  versioned(
    'a login that fails because a newer version has saved the session meanwhile',
    'if (base === undefined) return false',
    'if (base === undefined) return true',
  ),
  on('test/core/data-versions.test.ts', source('session/kept-keys'))(
    'data of a newer version that a login of an older one loses although it names them',
    'keep.flatMap((key) => [key, HIDDEN + key])',
    'keep',
  ),
  on('test/core/data-versions.test.ts', source('session/keep'))(
    'data of a newer version that a login takes along as those of an older one',
    ', [VERSION, own(state.values, VERSION)]]',
    ']',
  ),
  on('test/core/data-versions.test.ts', source('session/session'))(
    'a version of data that nothing is left of, and that keeps the older one from its own',
    'if (value !== undefined && (state.edits || key !== VERSION)) this.#write(key, value)',
    'if (value !== undefined) this.#write(key, value)',
  ),
  on('test/core/data-versions.test.ts', source('session/session'))(
    'a hidden key whose removal is silently ignored',
    'if (this.has(hidden)) this.#write(hidden, undefined)',
    '',
  ),
  versioned(
    'data of a newer version that are lost when an older server saves a message',
    'for (const key of keys) put(values, HIDDEN + key, own(data, key))',
    '',
  ),
  versioned(
    'an upgrade that gets data of another version than it was written for',
    'if (steps.length < version - before) return data',
    '',
  ),
  versioned(
    'data that are upgraded twice, because what was saved has no version',
    'return versionOf(values) === version ? values : { ...values, [VERSION]: version }',
    'return values',
  ),
  versioned(
    'an upgrade that changes what other requests read',
    'const copy = parseJson(JSON.stringify(data)) as Values',
    'const copy = data',
  ),
  on('test/core/data-versions.test.ts', source('request/save'))(
    'a newer copy that is merged without an upgrade',
    'if (isLoaded(result)) return fitted(context, result)',
    'if (isLoaded(result)) return result',
  ),
  on('test/core/data-versions.test.ts', source('request/task'))(
    'changes of an older version that are laid over data of a newer one',
    'return state.dataRules?.check(values, changes, { shared: newer }) ?? values',
    'return values',
  ),
  on('test/core/data-versions.test.ts', source('session/content'))(
    'a version that keeps an empty session alive',
    'if (key !== VERSION && Object.hasOwn(values, key)) return false',
    'if (Object.hasOwn(values, key)) return false',
  ),
  on('test/core/data-versions.test.ts', source('request/fit'))(
    'a session that is loaded again, and not upgraded',
    'return isLoaded(result) ? fitted(context, result) : result',
    'return result',
  ),
]
