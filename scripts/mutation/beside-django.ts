// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const json = on('test/core/json.test.ts', 'packages/strongroom/src/base/json.ts')
const django = (suite: string, file: string) => on(`test/django/${suite}.test.ts`, `packages/django/src/${file}.ts`)
const clients = (file: string) =>
  on('test/engines/client-settings.test.ts', `packages/strongroom/src/engines/${file}.ts`)

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
  django('backslash-keys', 'document')(
    'keys of a Django session that V8 takes for those of another',
    'parseJson(data) as Values',
    'JSON.parse(data) as Values',
  ),
  django('cache', 'stores/cached-db')(
    'a logout after which Django goes on with its cached copy',
    'const changed = await change()\n    await this.#copies.forget(id)',
    'const changed = await change()',
  ),
  django('cache', 'stores/cached-db')(
    'a row that is gone although Django’s cache did not answer',
    'await this.#copies.forget(id)\n    const changed',
    'const changed',
  ),
  django('cache', 'engine')(
    'cached_db that is shared through its table alone',
    'if (expected !== name)',
    'if (expected === null)',
  ),
  django('cache', 'stores/cache')(
    'a value in another format that is taken for damaged JSON',
    'if (bytes[0] !== OBJECT)',
    'if (bytes[0] === null)',
  ),
  django('cache', 'stores/redis-store')(
    'a session in Django’s cache that is reported as absent',
    'if (Number(await this.#connection.run(EXISTS, [key], [])) > 0)',
    'if (key === id)',
  ),
  django('cache', 'session-data')(
    'UTF-8 in Django’s cache that is read as Latin-1',
    "Buffer.from(latin1, 'latin1').toString()",
    'latin1',
  ),
  django('signed-cookie-http', 'signed-cookie-header')(
    'a signed cookie in a form that Django does not read',
    'quote(name, signCookieValue(value, signing))',
    'encodeURIComponent(signCookieValue(value, signing))',
  ),
  django('signed-cookie-http', 'signed-cookie-header')(
    'a signed cookie of Express that is refused',
    "if (!value.includes('%')) return null",
    'return null',
  ),
  django('signed-cookie-http', 'quoting')(
    'an escape of two digits, which Python does not read',
    ".toString(8).padStart(3, '0')",
    '.toString(8)',
  ),
  django('signing', 'signer')(
    'an empty salt that is another one than in Django',
    'options.salt || `django.core',
    'options.salt ?? `django.core',
  ),
  django('json', 'json/view')(
    'null that cannot be stored in the place of a NaN',
    '!Number.isFinite(value) ? String(value) : value',
    '!Number.isFinite(value) ? null : value',
  ),
  django('json', 'json/read')(
    'the sign of an integer that is counted as a digit',
    "text.length - (text.startsWith('-') ? 1 : 0) > MOST_DIGITS",
    'text.length > MOST_DIGITS',
  ),
  django('sessions', 'session-data')(
    'a signed list that is reported as an attack',
    "if (node.kind !== 'object') throw new NotAnObjectError()",
    "if (node.kind !== 'object') throw new BadPayloadError('x')",
  ),
  django('user-column', 'stores/extra-columns')(
    'a column for users that is left empty',
    '{ [userColumn]: row.userId }',
    '{ [userColumn]: null }',
  ),
  django('user-column', 'stores/extra-columns')(
    'a name of a column that is a statement',
    'for (const [column] of values) checkColumn(`${where}: a name that columns() returned`, column)',
    '',
  ),
  django('user-column', 'user-index')(
    'a session that does not outlive the end of the others',
    'if (sessionId(key) !== except && ',
    'if (',
  ),
  on('test/django/clear-expired.test.ts', 'packages/cli/src/django-store.ts')(
    'session files that are cleared by the default of the site',
    "if (engine.name !== 'file')",
    "if (engine.name !== 'signed_cookies')",
  ),
  clients('sqlite/handle')('rows that are arrays', 'statement.setReturnArrays?.(false)', ''),
  clients('redis/ioredis')(
    'numbers that are strings',
    'stringNumbers || redisOptions?.stringNumbers ? withNumbers',
    'redisOptions?.stringNumbers ? withNumbers',
  ),
  clients('postgres/client')('values in binary', 'if (binary || options?.binary)', 'if (binary)'),
]
