import { type Mutation, on } from './mutation.ts'

const json = on('test/core/json.test.ts', 'packages/strongroom/src/base/json.ts')

/** The faults that were found beside a running Django, one by one. */
export const besideDjangoMutations: readonly Mutation[] = [
  json(
    'a key with an escape that V8 takes for another',
    "text.includes('\\\\') && ESCAPED_KEY.test(text)",
    'text === ""',
  ),
  json('an escaped key that is not recognized when space follows it', '"[ \\t\\n\\r]*:/', '":/'),
  json(
    'the last of two keys in the first place',
    'entries.push([key, this.#value()])',
    'entries.unshift([key, this.#value()])',
  ),
]
