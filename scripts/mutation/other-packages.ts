// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const signing = (file: string) => on('test/django/signing.test.ts', `packages/django/src/${file}.ts`)
const sharing = (file: string) => on('test/django/sessions.test.ts', `packages/django/src/${file}.ts`)

export const djangoMutations: readonly Mutation[] = [
  signing('payload')(
    'a few bytes that expand to gigabytes before they are refused',
    'inflateSync(bytes, { maxOutputLength: limit })',
    'inflateSync(bytes)',
  ),
  signing('payload')(
    'a pickle that is taken for damaged JSON',
    'bytes[0] === 0x80 && (bytes[1] ?? 0) >= 2',
    'bytes[0] === 0x81 && (bytes[1] ?? 0) >= 2',
  ),
  signing('signer')(
    "Django's signatures that nobody checks",
    'if (this.#all.some((mac) => equal(given, Buffer.from(signatureOf(value, mac))))) return value',
    'if (given.length > 0) return value',
  ),
  signing('signer')(
    'SHA-1 signatures that are accepted unless it is forbidden',
    "legacy ? [algorithm, 'sha1' as const] : [algorithm]",
    "[algorithm, 'sha1' as const]",
  ),
  signing('signer')('a signature that never becomes too old', 'this.#clock() - signedAt > oldest', 'oldest < 0'),
  signing('signed-cookie')(
    'the older format of signed cookies accepted without being asked for',
    "booleanOption('unsignCookieValue(): legacySalt', given, false)",
    "booleanOption('unsignCookieValue(): legacySalt', given, true)",
  ),
  signing('auth')(
    'a hash of the password that only has to be there',
    "return fallback ? 'fallback' : null",
    "return fallback || hash !== '' ? 'fallback' : null",
  ),
  signing('json/read')(
    'nesting that overflows the stack',
    'if (depth > DEEPEST) throw',
    'if (depth > Number.MAX_SAFE_INTEGER) throw',
  ),
  signing('json/read')(
    'an integer that takes minutes to parse',
    "if (text.length - (text.startsWith('-') ? 1 : 0) > MOST_DIGITS)",
    'if (text === null)',
  ),
  sharing('records')(
    "a login of Django's that outlives a change of the password",
    "if (login === null) return { refused: 'credential' }",
    '',
  ),
  sharing('auth')(
    'a database that fails and signs everybody out',
    'const field: unknown = await this.#limit.call(async () => password(userId), asStoreError)',
    'const field: unknown = await this.#limit.call(async () => password(userId), asStoreError).catch(() => null)',
  ),
  sharing('engine')(
    'a session key that is a path, or matches another one',
    '/^[a-z0-9]{8,40}$/.test(value)',
    '/^.{8,400}$/.test(value)',
  ),
  sharing('server-backing')(
    "a change here that overwrites Django's",
    'store.update(keyOf(cookie), entryOf(written), version)',
    'store.update(keyOf(cookie), entryOf(written), (await store.read(keyOf(cookie)))?.version ?? version)',
  ),
  sharing('cookie-backing')(
    'a signed cookie that never ends',
    "if (clock() > expiresAt) return { expired: 'idle' }",
    '',
  ),
  sharing('transport')(
    'the first of two cookies, where Django takes the last',
    'const last = values.at(-1)\n      if',
    'const last = values.at(0)\n      if',
  ),
]

const cli = (test: string, file: string) => on(`test/cli/${test}.test.ts`, `packages/cli/src/${file}.ts`)

export const cliMutations: readonly Mutation[] = [
  cli('program', 'output')(
    'a secret in the wrong place that is printed',
    "return text.replace(/[A-Za-z0-9_+=-]{43,}/g, '[…]')",
    'return text',
  ),
  cli('sessions', 'output')('a label that a terminal obeys', ".replace(HARMFUL, '\\ufffd')", ''),
  cli('sessions', 'output')('JSON that a terminal obeys', '.replace(HARMFUL, escaped)', ''),
  cli('init', 'init/env-file')(
    'a secret in a new file that everybody can read',
    'writeText(file, text, 0o600)',
    'writeText(file, text, 0o644)',
  ),
  cli('init', 'init/file')(
    'a secret in a file that everybody could read before',
    'mode ?? (existing ? existing.mode & 0o777 : 0o666 & ~process.umask())',
    'existing ? existing.mode & 0o777 : (mode ?? 0o600)',
  ),
  cli('init', 'commands/init')(
    'the password of the store in the config',
    'store: isSecret ? `process.env.${STORE}` : literal(store)',
    'store: literal(store)',
  ),
  cli('init', 'init/env-file')(
    'a second secret that takes the place of the first',
    'if (valueIn(file, SECRETS)) return `Kept the secret in ${file}.`',
    '',
  ),
  cli('backup', 'backup/draft')(
    'a backup that everybody can read',
    "openSync(this.path, 'wx', 0o600)",
    "openSync(this.path, 'wx', 0o644)",
  ),
  cli('backup', 'backup/draft')(
    'a backup that replaces a file without being asked to',
    'if (!force) throw misuse',
    'if (force && !existing.isFile()) throw misuse',
  ),
  cli('backup', 'backup/mysql')(
    'a password among the arguments of a program, where everybody can read it',
    '[`--user=${user}`]',
    '[`--user=${user}`, `--password=${password}`]',
  ),
  cli('backup-caches', 'backup/cache-tables')(
    'a table of more columns that is taken for a cache, and lost',
    'expected?.test(type) === true',
    'expected?.test(type) !== false',
  ),
  cli('backup-caches', 'backup/cache-tables')(
    'a table like a cache that nobody is told about',
    'similar.filter((each) => !isCache(each))',
    '[]',
  ),
  cli('backup-caches', 'backup/postgres')(
    'a cache outside of the search path',
    "[schema, name].map(quoted).join('.'),",
    'quoted(schema === name ? schema : name),',
  ),
  cli('backup-caches', 'backup/mysql')(
    'caches that one of two dumps has with their rows',
    '[...named, ...caches.found].filter(isNew)',
    'named.filter(isNew)',
  ),
  cli('backup-caches', 'backup/sqlite-worker')(
    'a cache with its rows in a copy',
    'for (const { name } of caches.found) empty(copy, name)',
    '',
  ),
  cli('backup-caches', 'commands/backup')(
    'caches that are not known, and are taken for absent',
    'await outputOf(catalog.command, catalog.secrets)',
    "await outputOf(catalog.command, catalog.secrets).catch(() => '')",
  ),
  cli('config', 'paths')(
    'a mistyped path that becomes an empty store',
    'if (!exists(path)) throw',
    'if (path.length === 0) throw',
  ),
  cli('keys', 'secrets')(
    'a new secret under a key id that is taken',
    '!taken.includes(kidsOf(fresh)[0] as number)',
    'true',
  ),
  cli('scan', 'scan/file')(
    'a dump that is decompressed for ever',
    'if (this.#layers.length >= LAYERS) throw',
    'if (this.#layers.length >= 1e6) throw',
  ),
  cli('scan', 'scan/file')(
    'a dump that was cut off and is reported as clean',
    "if (hasNoEnd(start, text.end)) throw truncated('the dump')",
    '',
  ),
  cli('scan-sql', 'scan/names')(
    'the name of a table that is matched by a pattern which backtracks',
    'name += decoded(lexer.text)',
    'name += /^(?:(?:[^\\s(."`]+)\\.?)+$/.test(`${lexer.text} `) ? "" : decoded(lexer.text)',
  ),
  cli('scan-sql', 'scan/lexer')(
    'a dollar sign that ends one tag and cannot begin another',
    'if (this.#hasTag) cursor.at--',
    '',
  ),
  cli('scan-sql', 'scan/lexer')(
    'a statement in a version comment that is taken for a comment',
    'if (yield* this.#versionComment()) return true',
    '',
  ),
  cli('scan-sql', 'scan/lexer')(
    'a delimiter that a dump changes and nobody minds',
    "this.#delimiter = delimiter === '/*!*/;' ? ';' : delimiter",
    "this.#delimiter = ';'",
  ),
  cli('scan-sql', 'scan/dialect')(
    'a comment that begins with # and hides a quote',
    "return ['MariaDB or MySQL dump', { escapes: true, hashComments: true }]",
    "return ['MariaDB or MySQL dump', { escapes: true, hashComments: false }]",
  ),
  cli('scan-sql', 'scan/insert')('INSERT DELAYED that is not known', "'DELAYED',", ''),
  cli('scan-sql', 'scan/insert')(
    'INSERT … SET that is not known',
    "if (head.form === 'SET') return yield* this.#assignments(table, target)",
    "if (head.form === 'SET') return yield* this.#skip(head.token, null)",
  ),
  cli('scan-sql', 'scan/insert')(
    'INSERT … SELECT into a session table that is taken for empty',
    "(head.form === 'SELECT' && !target.isSessionTable(name))",
    "head.form === 'SELECT'",
  ),
  cli('scan-sql', 'scan/insert')(
    'a row without some of its values that is taken for whole',
    'if (isWrong) return',
    'if (isWrong && false) return',
  ),
  cli('scan-sql', 'scan/values')(
    'a string that has lost its beginning and hides the next rows',
    'return !isAfterString || AFTER_VALUE',
    'return true || AFTER_VALUE',
  ),
  cli('scan-sql', 'scan/values')(
    'a backslash before a quote that is guessed',
    'else if (!(yield* escapesQuote(cursor, into, dialect))) return false',
    'else yield* escapesQuote(cursor, into, dialect)',
  ),
  cli('scan-sql', 'scan/values')(
    'hexadecimal digits in UNHEX that stay digits',
    "if (this.#call === 'unhex' ||",
    'if (',
  ),
  cli('scan-sql', 'scan/sql')(
    'an UPDATE of a session table that is skipped',
    "if (named !== '')",
    "if (named === '?')",
  ),
  cli('scan-binlog', 'scan/sql')(
    'row events of a binary log that are skipped',
    "if (verb === 'BINLOG') yield* this.#binlog()",
    "if (verb === 'MYSQLBINLOG') yield* this.#binlog()",
  ),
  cli('scan-sql', 'scan/tally')(
    'sessions outside of rows that nobody looks for',
    'if (Object.keys(traces).length > 0)',
    'if (Object.keys(traces).length > 1e9)',
  ),
  cli('scan-binlog', 'scan/binlog-events')(
    'an event that was changed, and is taken for whole',
    'this.#hasChecksums = algorithm === 1',
    'this.#hasChecksums = false',
  ),
  cli('scan-binlog', 'scan/binlog-events')(
    'an event of an unknown kind that is skipped',
    'else if (!HARMLESS.has(type) && (flags & IGNORABLE) === 0)',
    'else if (type > 255)',
  ),
  cli('scan-binlog', 'scan/binlog-events')(
    'a backslash that is an escape whatever the log says',
    'const escapes = !hasNoEscapes(settings)',
    'const escapes = true',
  ),
  cli('scan-binlog', 'scan/event-bytes')(
    'a checksum that nobody compares',
    'if ((yield* this.number(4)) !== sum)',
    'if ((yield* this.number(4)) < 0)',
  ),
  cli('scan-binlog', 'scan/binlog')(
    'a log without its end that is reported as clean',
    'if (!events.isEnd)',
    'if (events.isEnd === null)',
  ),
  cli('scan-binlog', 'scan/row-events')(
    'rows without some of their columns that are taken for whole',
    'if (isPartial) this.#tally.partialRow(row, table)\n        else ',
    '',
  ),
  cli('scan-binlog', 'scan/row-events')(
    'a column of an unknown type that is skipped',
    'return this.#tally.notUnderstood(map ?',
    'return (() => {})() ?? void (map ?',
  ),
  cli('scan-binlog', 'scan/row-events')(
    'a table that takes as much memory as it claims',
    'if (size > 2 * MOST_COLUMNS)',
    'if (size > 1e12)',
  ),
  cli('scan-binlog', 'scan/columns')('an id whose zeros were left out', 'if (longest === ID) pad(value)', ''),
  cli('scan-binlog', 'scan/encoded-events')(
    'half of an event that is taken for all of it',
    'return isUnderstood && base64.isWhole && this.#events.isBetween',
    'return isUnderstood',
  ),
  cli('scan-binlog', 'scan/notes')(
    'a row in comments that has lost a column',
    'this.#hasGap ||= number !== this.#row.count + 1',
    '',
  ),
  cli('scan-binlog', 'scan/notes')(
    'a backslash in a comment that is always an escape',
    'if (code === QUOTE || code === BACKSLASH || (code >= 0 && code < SPACE)) value',
    'if (false) value',
  ),
  cli('scan-binlog', 'scan/tally')(
    'row events in a comment that nobody looks for',
    'if (events > this.binlogStatements)',
    'if (events > 1e9)',
  ),
  cli('scan-binlog', 'scan/tally')(
    'a session in the note of a statement that nobody looks for',
    'if (this.#hasOtherCopies())',
    'if (this.#hasOtherCopies() && false)',
  ),
  cli('scan', 'scan/pages')(
    'a header with which rows are lost',
    'if (end <= page.length && this.#record(page, { start: at, end, size }) > 0) throw damaged()',
    '',
  ),
  cli('scan-formats', 'scan/compression')(
    'the first frame of zstd taken for the whole',
    'yield* stream(reader, open())',
    'return yield* stream(reader, open())',
  ),
  cli('scan-formats', 'scan/compression')(
    'data after the padding of gzip that nobody sees',
    'if (chunk.some((byte) => byte !== 0)) throw',
    'if (chunk.length === 0) throw',
  ),
  cli('scan-formats', 'scan/sql')(
    'any text with a semicolon taken for SQL',
    "return token === 'word' && isVerb(lexer.text.toUpperCase())",
    'return true',
  ),
  cli('scan-formats', 'scan/raw')(
    'a session across two blocks that the search does not see',
    'const kept = Math.max(0, end - REACH)',
    'const kept = end',
  ),
  cli('scan-formats', 'scan/file')(
    'bytes after the place of an error that are not searched',
    'for await (const _ of reader.rest());\n      throw error',
    'throw error',
  ),
  cli('scan-formats', 'scan/file')(
    'a file in a tar archive that cannot be read and is forgotten',
    'if (problem) throw problem',
    '',
  ),
  cli('scan-formats', 'scan/dump-in-files')(
    'a directory without the data of a table taken for whole',
    'if (this.#missing.size > 0) throw',
    'if (this.#missing.size > 1e9) throw',
  ),
  cli('scan-formats', 'scan/archive')(
    'data of an unknown table that is skipped',
    'if (type !== TABLE || !entry) throw damaged()',
    'if (!entry) return drain(this.#blocks()).then(() => id)',
  ),
  cli('scan-formats', 'scan/rdb')(
    'a damaged dump of Redis taken for whole',
    'stored.some((byte) => byte !== 0) && !stored.equals(sum)',
    'stored.length === 0 && !stored.equals(sum)',
  ),
  cli('scan-formats', 'scan/lzf')(
    'a compressed string of Redis that is copied from the wrong place',
    'at - (high | byte) - 1',
    'at - (high | byte)',
  ),
  cli('scan-formats', 'scan/django')(
    "a session in Django's cache that is not known",
    'CACHE_KEY.test(value.head',
    'CACHE_KEY.test(value.tail',
  ),
  cli('scan-formats', 'scan/django')(
    'anything that Django signs taken for a session',
    "if (!body.startsWith('.')) return bytes[0] === 0x7b",
    "if (!body.startsWith('.')) return bytes.length > 0",
  ),
  cli('scan-formats', 'scan/toc')(
    'names of an archive that are held whole',
    'const [NAME, STATEMENT] = [128, 16_384]',
    'const [NAME, STATEMENT] = [16_384, 16_384]',
  ),
  cli('scan', 'scan/sqlite')(
    'a database that was cut off between two pages and is reported as clean',
    "if (count > pages) throw truncated('the database')",
    'if (count > pages) return',
  ),
  cli('scan', 'scan/pages')(
    'a page of rows with a damaged type that is skipped',
    'else if (type !== INNER || !isInner(page, start)) this.#push(this.#elsewhere, page)',
    '',
  ),
  cli('scan', 'commands/scan')(
    'a file that was not read whole and ends with success',
    'if (unread.length > 0) throw',
    'if (unread.length > 1e9) throw',
  ),
]

const operator = (suite: string, file: string) => on(`test/${suite}.test.ts`, `packages/${file}.ts`)
const engine = (suite: string, file: string) => operator(`engines/${suite}`, `strongroom/src/engines/${file}`)

/** Mistakes of operators, and what surrounds them, that the command and the engines must not answer with success. */
export const operatorMutations: readonly Mutation[] = [
  operator('cli/wrong-store', 'cli/src/local-store')(
    'the database of something else, taken for a store in which nobody is signed in',
    "if (content !== 'store') throw",
    'if (content === undefined) throw',
  ),
  operator('cli/wrong-store', 'cli/src/local-store')(
    'a dry run that creates what it would move to',
    'if (!local.some(isMissing)) return store',
    'if (local.length < 9) return store',
  ),
  operator('cli/wrong-store', 'cli/src/paths')(
    'a path that may not be looked at, reported as missing',
    "if (code === 'ENOENT' || code === 'ENOTDIR') return false",
    'if (code) return false',
  ),
  operator('cli/wrong-store', 'cli/src/failure')(
    'a wrong URL that is noticed at its first use, and ends as a failure of the store',
    ' || (cause !== undefined && isMisuse(cause))',
    '',
  ),
  operator('cli/wrong-store', 'cli/src/commands/list')(
    'a list without the sessions under a secret that is missing',
    '{ complete: true }',
    '{}',
  ),
  operator('cli/wrong-store', 'strongroom/src/engines/local-store')(
    'any folder, taken for a session directory',
    'FOLDERS.every(',
    'FOLDERS.some(',
  ),
  operator('cli/operator-defaults', 'cli/src/config')(
    'a command that works under a secret made on the spot',
    "if (missing === '') return",
    "if (missing !== 'nothing') return",
  ),
  operator('cli/operator-defaults', 'cli/src/config')(
    'a command that finds nothing in a memory of its own',
    "if (needs.includes('store')) checkShared(sessions.policy.traits)",
    '',
  ),
  operator('cli/operator-defaults', 'cli/src/environment')(
    'a secret in an environment file that is cut in silence',
    'if (OURS.test(variable))',
    "if (variable === '')",
  ),
  operator('cli/operator-defaults', 'cli/src/text')(
    'a byte order mark of UTF-16 that is not understood',
    "if (first === 0xff && second === 0xfe) return 'utf-16le'",
    '',
  ),
  operator('cli/passwords', 'cli/src/main')(
    'a password that the list of processes shows',
    "if (args.some(hasPassword)) process.title = 'strongroom'",
    '',
  ),
  operator('cli/passwords', 'cli/src/store-url')(
    'a password among the arguments without a warning',
    'if (url === given.trim() && hasPassword(url))',
    'if (url !== given.trim() && hasPassword(url))',
  ),
  operator('cli/output', 'cli/src/output')(
    'a new secret that reaches nobody, with exit code 0',
    "failure && failure.code !== 'EPIPE' ?",
    "failure && failure.code === 'EPIPE' ?",
  ),
  operator('cli/backup', 'cli/src/backup/own-source')(
    'a backup that takes the place of its source by another name',
    'source?.dev === dev && source.ino === ino',
    'source?.dev === dev && source.ino === -1',
  ),
  operator('cli/init', 'cli/src/init/file')(
    'an init that writes through a link',
    'if (!existing || existing.isFile()) return',
    'if (!existing || existing.isFile() || existing.isSymbolicLink()) return',
  ),
  operator('cli/move-permanent', 'cli/src/commands/move-source')(
    'advice to run again what fails for ever',
    'if (!report.complete && permanent !== null) throw permanentFailure(permanent)',
    '',
  ),
  engine('moving', 'moving/mover')(
    'a store that is moved into itself, and emptied',
    'if (isItself) throw',
    'if (isItself && !made) throw',
  ),
  engine('file-directory', 'file/directory')(
    'a session directory that everybody can write to',
    '(found.mode & 0o022) === 0',
    '(found.mode & 0o020) === 0',
  ),
  engine('file-directory', 'file/directory')(
    'a session directory that is a link',
    'if (found.isSymbolicLink()) {',
    'if (found.isSymbolicLink() && found.isFile()) {',
  ),
  engine('file-directory', 'file/store')(
    'files of another user that are reported as a directory that does not answer',
    '(await forbidden(error, this.#disk.root)) ?? unanswered(error)',
    'unanswered(error)',
  ),
  engine('server-url', 'redis/ioredis')(
    'ioredis that goes on in database 0',
    "?.command?.name === 'select'",
    "?.command?.name === 'selected'",
  ),
  engine('server-url', 'redis/node-redis')(
    'node-redis that sends to database 0 what was waiting',
    'return database === 0 ?',
    'return database !== -1 ?',
  ),
  engine('server-url', 'shared/url-query')(
    'half of a password in the message about an unknown option',
    'URL has an unknown option.${guess',
    'URL has an unknown option ${unknown}.${guess',
  ),
  engine('server-url', 'shared/server-url')(
    'a line break that becomes part of a path',
    'const url = given.trim()',
    'const url = given',
  ),
  engine('server-url', 'mysql/driver-url')(
    'a MySQL on a Unix socket that has no URL',
    "const isSocket = hosts === '' &&",
    "const isSocket = hosts === '/' &&",
  ),
  engine('sqlite-file', 'sqlite/connection')(
    'writes that are acknowledged into a deleted file',
    'this.#checkFile(true)\n      this.#open()',
    'this.#open()',
  ),
  engine('sqlite-file', 'sqlite/watched-file')(
    'a database that was put in the place of the old one and is not opened',
    'return isSame(found, this.#opened)',
    'return found.dev === this.#opened?.dev',
  ),
]
