// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const source = (file: string) => `packages/strongroom/src/${file}.ts`
const stores = (file: string) => on('test/engines/mistakes.test.ts', source(file))
const folder = on('test/engines/file-directory.test.ts', source('engines/file/directory'))
const made = (file: string) => on('test/adapters/mistakes.test.ts', source(file))
const warned = (file: string) => on('test/core/warnings.test.ts', source(file))
const answered = (file: string) => on('test/adapters/error-responses.test.ts', source(file))
const unusable = (file: string) => on('test/engines/unusable-clients.test.ts', source(file))
const guarded = on('test/core/outage.test.ts', source('backing/guard'))
const selected = (file: string) => on('test/engines/server-url.test.ts', source(`engines/redis/${file}`))
const replaced = (file: string) => on('test/engines/sqlite-file.test.ts', source(`engines/sqlite/${file}`))
const firstUse = (file: string) => on('test/engines/first-use.test.ts', source(`engines/${file}`))
const settings = (file: string) => on('test/engines/refused-clients.test.ts', `packages/${file}.ts`)
const unopened = (file: string) => on('test/engines/client-options.test.ts', `packages/${file}.ts`)

/** Errors that hide from a new user what is wrong. */
export const mistakeMutations: readonly Mutation[] = [
  guarded(
    'an error of ours that only a cause tells',
    'if (error instanceof StrongroomError) return new StoreError(error.message, { cause: error })\n',
    '',
  ),
  guarded('a code that may be anything', 'CODE.test(code)', 'code.length > 0'),
  guarded('a time limit that is over before that of the engine', 'const GRACE = 50', 'const GRACE = 0'),
  warned('events')(
    'a failing store that nobody hears of',
    "if (given.type === 'storeError' && !listens()) warnOfStore(given.error)",
    '',
  ),
  warned('events')('a warning beside a listener', "'storeError' && !listens()", "'storeError'"),
  warned('strangers')(
    'two applications on one host that nobody tells apart',
    "NODE_ENV !== 'development' || ",
    "NODE_ENV !== '' || ",
  ),
  warned('base/reasons')('a warning for each request', 'reasons.add(kind)', ''),
  warned('base/reasons')('warnings without end', 'reasons.size >= MOST', 'false'),
  warned('base/reasons')('a warning with the words of a driver', 'isOurs(error) ?', 'true ?'),
  answered('base/unhandled')('an outage that is reported twice', "error.code !== 'STRONGROOM_STORE' && ", ''),
  answered('base/unhandled')('a mistake of a visitor in the log', ' && error.status >= 500', ''),
  answered('errors')('an error under Hono and fetch that no log has', 'onResponse(this)\n', ''),
  answered('adapters/node/fail')('an error under node that no log has', 'else warnUnhandled(error)\n', ''),
  answered('adapters/hono')(
    'an error while saving under Hono that no log has',
    'warnUnhandled(this.cause as StrongroomError)\n',
    '',
  ),
  warned('engines/cached/cached')(
    'a failing cache that nobody hears of',
    'if (!tell && !channel.hasSubscribers) warnOfCache(error)',
    '',
  ),
  stores('engines/sqlite/errors')('a code of better-sqlite3 that is not known', 'SQLITE_READONLY: 8,', ''),
  stores('engines/sqlite/errors')('an extended code that is not known', 'return number & 255', 'return number'),
  stores('engines/sqlite/connection')(
    'a path that is not named',
    "unanswered(error, 'path' in this.#source ? this.#source.path : null)",
    'unanswered(error, null)',
  ),
  stores('engines/file/disk')('a directory that is a file, and says nothing', "ADVICE[code ?? ''] ?? ", ''),
  stores('engines/postgres/errors')(
    'a time limit of pg without advice',
    '|^timeout expired$/, UNREACHABLE',
    '$/, CLOSED',
  ),
  stores('engines/postgres/errors')('a network without advice', 'ENETUNREACH: UNREACHABLE,', ''),
  stores('engines/postgres/errors')(
    'the words of pg',
    'return new StoreError(inWords)',
    'return new StoreError(inWords, { cause })',
  ),
  stores('engines/mysql/errors')('a login without a password', 'inWords ??', ''),
  stores('engines/mysql/errors')('a connection that MySQL closed', "'PROTOCOL_CONNECTION_LOST'", ''),
  stores('engines/redis/errors')('a server that closes every connection', '|Reached the max retries per request', ''),
  stores('engines/redis/errors')('another protocol than that of Redis', 'Protocol error, got ', 'x'),
  stores('engines/memcached/servers')('another protocol than that of memcached', ' && OF_META.test(reply.code)', ''),
  on('test/cli/output.test.ts', 'packages/cli/src/failure.ts')(
    'a cause that a message points to, and that is printed beside it',
    ".replace(POINTER, '')",
    '',
  ),
  on('test/engines/server-url.test.ts', source('engines/shared/url-query'))(
    'an unknown option and only those of a driver',
    'own.length > 0 ?',
    'false ?',
  ),
  on('test/engines/server-url.test.ts', source('engines/shared/url-query'))(
    'a misspelt option of a URL that is not recognized',
    "name === '' ? undefined :",
    "name !== '' ? undefined :",
  ),
  on('test/django/url.test.ts', 'packages/django/src/url.ts')(
    'an unknown option of a URL for Django that lists none of its own',
    "'a django+postgres: store', TABLES",
    "'a django+postgres: store'",
  ),
  on('test/cli/output.test.ts', 'packages/cli/src/failure.ts')(
    'advice to migrate what is not the store of this command',
    '.replace(MIGRATE, WITH_STORE)',
    '',
  ),
  folder('a command that takes over the folders of other software', 'if (await hasOurs(root))', 'if (true)'),
  folder('a command for a folder that has one name of ours', 'found.every(', 'found.some('),
  folder('a command that closes a directory of all users', '(found.mode & 0o1000) === 0', 'true'),
  folder('a command that closes a directory of other software', '(await holdsOnlyOurs(root))', 'true'),
  folder('a command that changes the owner of what was there', 'quoted(join(existing, first))', 'quoted(existing)'),
  folder('a directory made where nobody can reach it', "if (code !== 'ENOENT')", 'if (false)'),
  stores('engines/shared/permanent')('a missing folder that might come by itself', "'ENOENT in open', ", ''),
  stores('engines/shared/permanent')('a certificate that might mend itself', ', ...TLS_SETTINGS]', ']'),
  stores('engines/postgres/errors')(
    'TLS that is no matter of PostgreSQL',
    "tlsAdvice('PostgreSQL', code)",
    'undefined',
  ),
  stores('engines/mysql/errors')(
    'TLS that is no matter of MySQL',
    "tlsAdvice('the session database', cause.code) ??",
    '',
  ),
  stores('engines/redis/errors')('TLS that is no matter of Redis', " ?? tlsAdvice('Redis', code)", ''),
  selected('connection')(
    'a client that nobody asks for its database',
    'if (!this.#source.isOurs) await this.#within(async () => driver.confirmDatabase?.())',
    '',
  ),
  selected('ioredis')(
    'a client that is moved back',
    'prevCondition?.select ?? condition?.select ?? options.db',
    'options.db',
  ),
  selected('node-redis')(
    'a client of node-redis whose database is not asked for',
    'else if (database > 0) await client.select?.(database)',
    '',
  ),
  selected('node-redis')(
    'a client of node-redis that is moved back after a restart',
    'if (wasReady) await untilReady(client)\n      else if (database',
    'if (database',
  ),
  selected('node-redis')(
    'a call that node-redis sends before its database is chosen',
    'if (wasReady) await untilReady(client)',
    'if (wasReady) await null',
  ),
  selected('database')(
    'a client that is followed into database 0',
    'isConfirmed() ? calling(...args) : confirm().then(() => calling(...args))',
    'calling(...args)',
  ),
  selected('connection')(
    'a client that is asked for its database only once',
    'driver.isCluster ? driver :',
    'driver ? driver :',
  ),
  made('adapters/express')('express on nothing', "checkSessions('app.use(strongroom(sessions))', sessions)\n", ''),
  made('adapters/hono')('hono on nothing', "checkSessions('app.use(strongroom(sessions))', sessions)\n", ''),
  made('adapters/fetch')('fetch without a handler', 'checkHandler(EXAMPLE, handler)\n', ''),
  made('adapters/fetch')('a handler that returns nothing', "if (typeof response?.status !== 'number')", 'if (false)'),
  made('adapters/node')('node on nothing', 'checkSessions(EXAMPLE, sessions)\n', ''),
  made('base/check')('a slip that is not recognized', 'isSlip || ', ''),
  on('test/core/base.test.ts', 'packages/strongroom/src/base/check.ts')(
    'a list or a Map that stands for the defaults',
    ' && !(Symbol.iterator in given)',
    '',
  ),
  on('test/django/url.test.ts', 'packages/strongroom/src/engines/mysql/driver-url.ts')(
    'a URL of another database that is given to MySQL',
    ' || !SCHEME.test(url)',
    '',
  ),
  made('crypto/keyring')('the word undefined as a secret', 'if (UNSET.includes(secret as string))', 'if (false)'),
  made('engines/url')('an empty URL that is a puzzle', "if (url === '')", 'if (false)'),
  replaced('connection')('a restored file beside the old log', 'this.#file?.removeLog()', ''),
  replaced('connection')('a log that is deleted without the lock', "this.#own?.exec('BEGIN IMMEDIATE')", ''),
  replaced('connection')('a log that is not recorded', 'this.#file?.logOpened()', ''),
  replaced('watched-file')(
    'the log of another file that is deleted',
    'found && !isSame(found, this.#log[index])',
    'false',
  ),
  replaced('watched-file')('a log that stays', 'rmSync(path, { force: true })', '{}'),
  firstUse('shared/first-use')('a call that is sent after it was given up', 'if (isLate) throw', 'if (false) throw'),
  firstUse('shared/first-use')('a check for each call', 'this.#checking ??= ', 'this.#checking = '),
  firstUse('shared/first-use')('a check that is never made again', 'this.#checking = null\n        throw', 'throw'),
  firstUse('postgres/table')(
    'a first call that waits for as long as a sweep may',
    'return this.#first.before(() => this.#run(statement, values))',
    'return this.#first.passed().then(() => this.#run(statement, values))',
  ),
  settings('strongroom/src/engines/postgres/executor')('a connection in binary', 'if (isBinary(client))', 'if (false)'),
  settings('django/src/stores/mysql')(
    'autocommit that nobody looks at',
    '(client ? mysqlSettings(executor) : null)',
    'null',
  ),
  unopened('strongroom/src/engines/postgres/client')(
    'a URL as a client of pg',
    "(!isPool && !isClient) || insteadOfClient(client) !== ''",
    'client === null',
  ),
  unopened('strongroom/src/engines/sqlite/sqlite')(
    'a path as an open database',
    "!hasMethods(database, 'prepare', 'exec')",
    'false',
  ),
  unopened('django/src/stores/mysql')('a URL as a client of mysql2', ' && !isMysqlClient(client)', ' && false'),
  unopened('django/src/stores/redis')(
    'null as a client of Redis',
    'client !== undefined && !isRedis',
    'client && !isRedis',
  ),
  stores('engines/shared/permanent')(
    'a driver of SQLite whose codes are not known',
    'sqliteCodeOf(error) as number',
    '0',
  ),
  warned('base/reasons')('a warning with a password', '.replace(/\\S+/g, withoutLogin)', ''),
  warned('base/reasons')('a warning with a token', "(isToken(word) ? '…' : word)", 'word'),
  warned('base/reasons')('a warning for each number', "reason.replace(/\\d+/g, '0')", 'reason'),
  on('test/engines/url.test.ts', source('engines/shared/server-url'))(
    'a scheme in capitals that is not known',
    'scheme.toLowerCase()',
    'scheme',
  ),
  on('test/django/url.test.ts', 'packages/django/src/url.ts')(
    'a Django scheme in capitals',
    'django\\+/i',
    'django\\+/',
  ),
  made('backing/stored')('a store without a limit', 'checkTraits(given.traits)', '{}'),
  unusable('engines/redis/errors')(
    'a client of Redis that was never connected',
    "  [/^The client is closed/, 'the client was never connected, or is closed: call await client.connect() first'],\n",
    '',
  ),
  unusable('engines/postgres/executor')(
    'a client of PostgreSQL that was never connected',
    '._connected !== false',
    '._connected !== null',
  ),
  unusable('engines/mysql/errors')('a client of MySQL that is closed', '/^Pool is closed|closed state$/', '/^closed$/'),
  unusable('engines/sqlite/errors')(
    'a table of SQLite with other columns',
    '/no such column|has no column named/',
    '/has no column named/',
  ),
  unusable('engines/file/disk')(
    'a session directory whose disk is not mounted',
    "  ENOENT: 'The session directory, or",
    "  ENOTUNIQ: 'The session directory, or",
  ),
]
