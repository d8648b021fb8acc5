// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const json = on('test/core/json.test.ts', 'packages/strongroom/src/base/json.ts')
const django = (suite: string, file: string) => on(`test/django/${suite}.test.ts`, `packages/django/src/${file}.ts`)
const conformance = (file: string) => on('test/django/conformance.test.ts', `packages/${file}.ts`)
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
  clients('redis/ioredis')('numbers that are strings', 'givesStrings = stringNumbers || ', 'givesStrings = '),
  clients('postgres/client')('values in binary', 'isBinary(client) || options?.binary', 'isBinary(client)'),
  django('signing', 'signer')(
    'a signature that is compared without regard to case',
    'equal(given, Buffer.from(signatureOf(value, mac)))',
    'given.toString().toLowerCase() === signatureOf(value, mac).toLowerCase()',
  ),
  django('sessions', 'document')(
    'a user whose id is stored as an integer, and who is anonymous',
    "typeof value === 'number' || typeof value === 'bigint' ? String(value) : null",
    "typeof value === 'bigint' ? String(value) : null",
  ),
  django('sessions', 'payload')(
    'sessions that are never compressed',
    'compressed === null || compressed.length >= plain.length - 1',
    'compressed === null || compressed.length > 0',
  ),
  conformance('strongroom/src/engines/cached/store')(
    'a copy that is used again after the cache could not be told of a change',
    '#invalidate(id: Id): Promise<void> {\n    this.#invalidations.add(id)',
    '#invalidate(id: Id): Promise<void> {',
  ),
  conformance('strongroom/src/engines/cached/store')(
    'a cache that forgets nothing: a logout that it was not told of',
    'finally {\n      await this.#invalidate(id)',
    'finally {\n      await this.#slots.putTombstone(id)',
  ),
  conformance('strongroom/src/engines/cached/slots')(
    'a cache that takes nothing, and is believed to have the new copy',
    '(await this.#put(this.#breakers.changes, id, { seen, copy })) === true',
    '(await this.#put(this.#breakers.changes, id, { seen, copy })) !== false',
  ),
  conformance('strongroom/src/engines/cached/circuit-breaker')(
    'a cache that takes and forgets nothing, of which nobody hears',
    'this.#report(error === LATE ? new StoreError(`The session cache did not answer within ${ms} ms.`) : error)',
    'void ms',
  ),
  conformance('django/src/stores/cached-db')(
    "a change that is made although Django's cache could not be told",
    'await this.#copies.forget(id)\n    const changed',
    'await this.#copies.forget(id).catch(() => undefined)\n    const changed',
  ),
  conformance('django/src/sessions')(
    'SESSION_SAVE_EVERY_REQUEST that needs a page to use the session',
    'extendsUnused: saveEveryRequest,',
    '',
  ),
  conformance('strongroom/src/create')(
    'a framework whose engine extends unused sessions, and that is not asked',
    "saveEveryRequest || ('extendsUnused' in engine && engine.extendsUnused === true)",
    'saveEveryRequest',
  ),
  conformance('strongroom/src/base/check')('a URL that stands for the default directory', " || instead !== ''", ''),
  conformance('django/src/cookie-backing')(
    'a signed cookie that is too old at its last moment',
    'if (clock() > expiresAt)',
    'if (clock() >= expiresAt)',
  ),
  django('sessions', 'records')(
    'a session that changed the password and is over',
    'return credentialChanged ? { ...before, hashIsOutdated: true } : before',
    'return before',
  ),
  django('sessions', 'records')(
    'a password change that also changes the backend of the login',
    'if (isLogin || !before) return null',
    'if (isLogin || !before || credentialChanged) return null',
  ),
  django('sessions', 'server-backing')('a password change that is refused', 'stampsLogins: true,', ''),
  conformance('django/src/cookie-backing')(
    'a password change that is refused in a signed cookie',
    'stampsLogins: true,',
    '',
  ),
  on('test/django/sessions.test.ts', 'packages/strongroom/src/request/next-meta.ts')(
    'a credential that is taken and not used',
    'if (given === undefined && (backing.stampsLogins || !credentialChange)) return null',
    'if (backing.stampsLogins || (given === undefined && !credentialChange)) return null',
  ),

  // Chosen from the sources alone.
  django('formats', 'expiry')(
    'an offset from UTC that is added',
    "local.getTime() - (match[9] === '-' ? -offset : offset)",
    "local.getTime() + (match[9] === '-' ? -offset : offset)",
  ),
  django('formats', 'expiry')(
    'the end of the browser that is zero seconds',
    'if (value === 0 || value === false)',
    'if (value === false)',
  ),
  django('formats', 'expiry')(
    'a session with seconds of its own that ends with the browser',
    "(expiry.kind === 'default' && expireAtBrowserClose)",
    'expireAtBrowserClose',
  ),
  django('sessions', 'document')(
    "Django's own keys among those of the application",
    'if (HIDDEN.includes(key)) continue',
    '',
  ),
  django('sessions', 'records')(
    'a cookie that lives a thousand times as long',
    'return Math.floor((endOf(expiry, now, this.#settings) - now) / 1000)',
    'return Math.floor(endOf(expiry, now, this.#settings) - now)',
  ),
  django('sessions', 'records')(
    'an older hash of a login that is never replaced',
    "hashIsOutdated: login === 'fallback'",
    'hashIsOutdated: false',
  ),
  django('sessions', 'server-backing')(
    'of two cookies, the other one reported as malformed',
    "if (isDuplicate(text)) return { refused: 'duplicate' }",
    '',
  ),
  django('renew-race', 'server-backing')(
    'a session that was copied by a renewal and ended meanwhile',
    'await store.delete(keyOf(renewed.cookie))',
    '',
  ),
  django('formats', 'stores/files')(
    'session files that everybody can read',
    "{ mode: 0o600, flag: 'wx' }",
    "{ mode: 0o644, flag: 'wx' }",
  ),
  django('formats', 'stores/files')(
    'a session file that lives until after its end',
    'if (expiresAt <= this.#context.clock()) return null',
    'if (expiresAt < this.#context.clock()) return null',
  ),
  django('formats', 'stores/session-table')(
    'a row that lives until after its end',
    'const live = `expire_date > ${two}`',
    'const live = `expire_date >= ${two}`',
  ),
  django('formats', 'stores/row-time')('a fraction of zero in a date', ".replace(/\\.000$/, '')", ''),
  django('signing', 'auth')(
    'a hash under the current key that counts as outdated',
    "if (matches(all[0] as SecretKey, 'sha256')) return 'current'",
    '',
  ),
  django('sessions', 'auth')('a hash that is outdated and stays', '(same && !before.hashIsOutdated)', 'same'),
  django('sessions', 'transport')(
    'a cookie until the browser closes that ends immediately',
    "${seconds ?? ''}",
    '${seconds ?? 0}',
  ),
  django('formats', 'engine')('a session key of 31 characters', 'while (key.length < 32)', 'while (key.length < 31)'),
  django('json', 'json/view')(
    'a list that shrank and is written as it was',
    'patched.length === items.length && patched.every',
    'patched.every',
  ),
  django('json', 'json/read')('an escape that is misread', "b: '\\b',", "b: 'b',"),
  django('redis', 'stores/redis-store')(
    'a value that must end immediately and stays',
    'if (left <= 0) return (await this.delete(id, version)) ? version : null',
    'if (left <= 0) return version',
  ),
  django('signing', 'signed-cookie')('a salt whose UTF-16 units are counted', '[...salt].length', 'salt.length'),
  django('url', 'url')(
    'a line break that becomes part of the path of a Django',
    "trimUrl('the store', given)",
    'given',
  ),
  django('url', 'url')(
    'a path of a Django’s that is taken literally',
    'const path = localPath(where, given)',
    'const path = given',
  ),
  django('url', 'url')(
    'a KEY_PREFIX that nobody reads',
    'if (cache === undefined && NAMING.some',
    'if (cache === null && NAMING.some',
  ),
  django('url-commands', 'url')(
    'cached copies of another prefix, which stay',
    'cache: { url: redisIn(cache), ...namingOf(own) }',
    'cache: { url: redisIn(cache) }',
  ),
  django('url', 'stores/postgres')(
    'a PostgreSQL of Django’s whose URL nobody checks',
    "postgresDriverUrl(options.url, 'djangoPostgres()')",
    'options.url as ReturnType<typeof postgresDriverUrl>',
  ),
  django('url', 'stores/mysql')(
    'a MySQL of Django’s whose URL is checked at the first request',
    'const url = mysqlDriverUrl(given',
    "const url = given as ReturnType<typeof mysqlDriverUrl>\n  if (given === '') mysqlDriverUrl(given",
  ),
  django('url', 'stores/redis-address')(
    'options of Strongroom’s own Redis that are ignored',
    '{ caller, options: [] }',
    '{ caller }',
  ),
  on('test/django/clear-expired.test.ts', 'packages/cli/src/commands/clear-expired.ts')(
    'a Django whose URL cannot be in a variable or a file',
    'const url = await storeUrl(options)',
    'const url = options.store ?? null',
  ),
  on('test/django/clear-expired.test.ts', 'packages/cli/src/commands/clear-expired.ts')(
    'a cache in which nothing has expired, whatever is in it',
    'if (store.traits.expiresByItself && !options.json)',
    'if (options.batch === 0)',
  ),
  on('test/cli/passwords.test.ts', 'packages/cli/src/store-url.ts')(
    'the password of a cache, for which nobody looks',
    'name + withInnerPassword(inner)',
    'name + inner',
  ),
  on('test/cli/passwords.test.ts', 'packages/cli/src/store-url.ts')(
    'a password that is left out because another login has one',
    'PASSWORD_OF_USER.test(url)',
    'hasPassword(url)',
  ),
  on('test/cli/passwords.test.ts', 'packages/cli/src/store-url.ts')(
    'a "+" that is only a plus sign when there is a password',
    "new URLSearchParams(`url=${encoded}`).get('url') ?? ''",
    'decodeURIComponent(encoded)',
  ),
  on('test/django/url-commands.test.ts', 'packages/cli/src/commands/move-source.ts')(
    'an empty prefix that is reported as if there were no sessions',
    'if (seen === 0 && complete && nothingThere !== undefined)',
    'if (seen === -1 && complete && nothingThere !== undefined)',
  ),
  django('row-time', 'url')(
    'a time zone of Django’s that nobody reads',
    "timeZone: own.string('timeZone') })",
    'timeZone: undefined })',
  ),
  django('row-time', 'stores/row-time')(
    'a session that is removed in the hour before clocks are put back',
    'utcText(Math.min(clock(ms), clockAfterSetback(ms, offsetAt)))',
    'utcText(clock(ms))',
  ),
  django('row-time', 'stores/row-time')(
    'an hour that comes twice, of which the first counts',
    'Math.max(...(exact',
    'Math.min(...(exact',
  ),
  django('row-time', 'stores/session-table')(
    'rows that are compared with the wrong clock',
    'this.#database.now(this.#clock())',
    'new Date(this.#clock()).toISOString()',
  ),
  on('test/django/row-time.test.ts', 'packages/cli/src/django-store.ts')(
    'a time zone that is assumed in silence',
    'if (zoneIsAssumed)',
    'if (zoneIsAssumed === null)',
  ),
  django('formats', 'expiry')(
    'an age that leads to no date at all',
    'Math.abs(value * 1000) <= LONGEST_AGE',
    'Number.isFinite(value)',
  ),
  django('formats', 'expiry')(
    'the 45th day of the 13th month',
    'if (!isDate || !isTime) return null',
    'if (!isTime) return null',
  ),
  django('formats', 'expiry')(
    'a year after 9999',
    'at >= EARLIEST && at <= LATEST ? at : null',
    'at >= EARLIEST ? at : null',
  ),
  on('test/cli/move-permanent.test.ts', 'packages/django/src/stores/session-table.ts')(
    'a missing table of users that is taken for the sessions’',
    'new StoreError(MISSING_OF_USERS[error.lacks], { cause: error.cause })',
    'error',
  ),
  on('test/cli/move-permanent.test.ts', 'packages/cli/src/commands/move-source.ts')(
    'a wrong table of sessions, for which nobody says that it stays wrong',
    'watchedKeys(source.keys(options), failures, whose)',
    'source.keys(options)',
  ),
  on('test/cli/move-permanent.test.ts', 'packages/django/src/stores/sqlite.ts')(
    'a column that does not exist, in a database that is said not to respond',
    '/no such column|has no column named/.test(String(error))',
    "String(error) === ''",
  ),
  on('test/cli/move-permanent.test.ts', 'packages/strongroom/src/adoption/move.ts')(
    'malformed data that is said to be signed with another key',
    "credential: 'signedOut', malformed: 'malformed' }",
    "credential: 'signedOut' }",
  ),
  on('test/cli/init.test.ts', 'packages/cli/src/init/env-file.ts')(
    'quotes in a URL that end its value',
    'append(file, STORE, withoutQuotes(url))',
    'append(file, STORE, url)',
  ),
  on('test/cli/init.test.ts', 'packages/cli/src/init/env-file.ts')(
    'a secret that is written where nobody can read it',
    'if (parseEnv(text)[name] !== value)',
    "if (value === '')",
  ),
  on('test/cli/init.test.ts', 'packages/cli/src/init/file.ts')(
    'a folder that is a symbolic link',
    '  checkFolder(dirname(file))',
    '',
  ),
  on('test/cli/keys.test.ts', 'packages/cli/src/commands/keys-new.ts')(
    'a secret that nobody gets',
    'if (isDiscarded())',
    'if (isDiscarded() && env !== env)',
  ),
  on('test/django/sqlite-file.test.ts', 'packages/django/src/stores/sqlite.ts')(
    'a database of Django’s that was deleted or replaced, and goes on being written to',
    '      this.#checkFile(true)\n',
    '',
  ),
  on('test/django/sqlite-file.test.ts', 'packages/django/src/stores/sqlite.ts')(
    'a database of Django’s that is opened beside the log of another one',
    '    this.#file.removeLog()\n',
    '',
  ),
]
