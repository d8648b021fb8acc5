// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const source = (file: string) => `packages/cli/src/${file}.ts`
const command = (test: string, file: string) => on(`test/cli/${test}.test.ts`, source(file))
const django = (test: string, file: string) => on(`test/django/${test}.test.ts`, source(file))

/** One or two for each file of the command line, chosen from the sources alone: what the tests look at had no influence. */
export const commandLineMutations: readonly Mutation[] = [
  command('config', 'config')(
    'a config of the drop-in for express-session that is refused',
    "typeof value === 'function' && 'sessions' in value ? value.sessions : value",
    'value',
  ),
  command('scan-formats', 'scan/aof')(
    'a session that SETEX wrote into a log of Redis, and that is not counted',
    'isLate ? kindOfRedis(this.#at(1), value) : null',
    'isLate && value.length < 0 ? kindOfRedis(this.#at(1), value) : null',
  ),
  command('scan-variants', 'scan/archive')(
    'a pg_restore that fails and whose output is taken for the whole archive',
    'if (code !== 0) throw',
    'if (code === null) throw',
  ),
  command('scan-variants', 'scan/compression')(
    'frames to be skipped, of which only one kind is known',
    '(look.readUInt32LE(0) & 0xfffffff0) >>> 0 === 0x184d2a50',
    'look.readUInt32LE(0) === 0x184d2a50',
  ),
  command('scan-borders', 'scan/cursor')(
    'bytes at the beginning of a chunk that are not searched',
    'if (this.#unseen > 0) this.#unseen = 0',
    '',
  ),
  command('scan-sql', 'scan/dialect')(
    'a dump of unknown origin whose backslashes are taken for letters',
    'escapes: isMysql ? true : null',
    'escapes: isMysql',
  ),
  command('scan', 'scan/django')(
    'a row of Django whose end is elsewhere and that is not counted',
    'if (value.isTruncated) return /^\\.?[\\w-]{40,}$/.test(start)',
    '',
  ),
  command('scan-formats', 'scan/dump-in-files')(
    'a file in a dump that its table of contents does not name, and that is skipped',
    'if (!isLargeObject(file)) this.#source',
    "if (file === '') this.#source",
  ),
  command('scan-variants', 'scan/file')(
    'a compressed archive that pg_restore is to open by its name',
    'this.#layers.length === 0 && !this.#isMember',
    '!this.#isMember',
  ),
  command('scan-variants', 'scan/formats')(
    'a write-ahead log of a big-endian machine that is not known',
    '[0x377f0682, 0x377f0683]',
    '[0x377f0682]',
  ),
  command('scan-variants', 'scan/insert')('INSERT OR REPLACE that is not known', "  'OR',\n  'REPLACE',", "  'OR',"),
  command('scan-variants', 'scan/kind')(
    'a table of Django that has another name',
    "bare === 'django_session' || has(DJANGO)",
    "bare === 'django_session'",
  ),
  command('scan-sql', 'scan/lexer')(
    'a semicolon in parentheses that ends a statement',
    "if (token === 'end' && depth <= 0) return",
    "if (token === 'end') return",
  ),
  command('scan-variants', 'scan/pages')(
    'long rows of a table without row ids, read to the wrong place',
    'const most = type === LEAF ? usable - 35 : Math.floor(((usable - 12) * 64) / 255) - 23',
    'const most = usable - 35',
  ),
  command('scan-variants', 'scan/sqlite')(
    'the bytes that an extension reserves on each page, read as rows',
    'const usable = pageSize - (head[20] as number)',
    'const usable = pageSize',
  ),
  command('scan-borders', 'scan/raw')(
    'a legacy session across two blocks that the search does not see',
    'for (let place = 0; place < 4; place++) this.#lastGroups[place] = (this.#lastGroups[place] as number) - kept',
    '',
  ),
  command('scan-variants', 'scan/rdb')(
    'an old dump of Redis, which has no checksum, taken for cut off',
    'if (this.#version < 5) return',
    '',
  ),
  command('scan-formats', 'scan/reader')(
    'the first bytes of a file that are not searched',
    'this.#watcher = watcher\n    watcher(this.#buffer)',
    'this.#watcher = watcher',
  ),
  command('scan-formats', 'scan/redis')(
    'a session of django-redis-sessions under a prefix that is not known',
    'const DJANGO = /(?:^|:)[a-z',
    'const DJANGO = /^[a-z',
  ),
  command('scan-borders', 'scan/row')(
    'a signature at the end of a value that is just too long to be kept',
    'return beyond.length === TAIL ? beyond : Buffer',
    'return beyond.length > 0 ? beyond : Buffer',
  ),
  command('scan-borders', 'scan/scan')(
    'sessions sealed with one key that the search leaves out',
    "of('two-key') + of('server-key') + of('none')",
    "of('two-key') + of('none')",
  ),
  command('scan-variants', 'scan/sql')(
    'a table of sessions that is unlogged and whose columns are not known',
    ' UNLOGGED FOREIGN',
    ' FOREIGN',
  ),
  command('scan-variants', 'scan/tally')(
    'a table that is called empty while some rows have no table',
    'if (this.#counts.has(null)) return filled',
    '',
  ),
  command('scan-variants', 'scan/tar')(
    'a damaged tar archive that is read as far as it goes',
    'createTarDecoder({ strict: true })',
    'createTarDecoder({ strict: false })',
  ),
  command('scan-variants', 'scan/text')(
    'big-endian UTF-16 without a mark that is not known',
    "even > pairs * 0.8 ? 'utf-16be' : null",
    'null',
  ),
  command('scan', 'scan/toc')(
    'an archive of PostgreSQL 17 or 18 that is read to the wrong place',
    'if (this.#minor >= 16) await',
    'if (this.#minor > 16) await',
  ),
  command('scan-sql', 'scan/values')(
    'the function around one value that is applied to the next ones',
    "    this.#call = ''\n    this.#other",
    '    this.#other',
  ),
  command('backup', 'backup/database-url')(
    'a part of a password that is taken for an option, and printed',
    'known.has(option) ?',
    "option !== '' ?",
  ),
  command('backup-output', 'backup/draft')(
    'a file that came into being during the backup, and is replaced',
    'checkFree(this.#file, false)\n',
    '\n',
  ),
  command('backup', 'backup/mysql')(
    'a database on localhost that is looked for at a socket',
    "'--protocol=tcp', `--host",
    '`--host',
  ),
  command('backup', 'backup/postgres')(
    'a table in capitals whose rows are in the backup',
    'table.toLowerCase()',
    'table',
  ),
  command('backup', 'backup/run')(
    'what a failed dump has left behind',
    'closeSync(descriptor)\n    draft.discard()',
    'closeSync(descriptor)',
  ),
  command('backup', 'backup/sqlite')(
    'a mistyped table that is not left out, and nobody hears of it',
    'filter((table) => !emptied.includes(table))',
    "filter((table) => table === '')",
  ),
  command('backup', 'backup/sqlite-worker')(
    'a backup without the triggers of the session table',
    'for (const { sql } of triggers) copy.exec(sql)',
    '',
  ),
  command('backup', 'backup/shell')(
    'a quote in a printed command that ends the word',
    ".replaceAll(\"'\", `'\\\\''`)",
    '',
  ),
  command('backup-output', 'commands/backup')(
    'a second printed command that overwrites what the first has written',
    "i === 0 ? '>' : '>>'",
    "'>'",
  ),
  command('clear-expired', 'commands/clear-expired')(
    '--batch that is ignored',
    'clearExpired({ batch, dryRun,',
    'clearExpired({ dryRun,',
  ),
  command('init', 'commands/init')(
    'a second config beside the first',
    '  checkOthers(name)\n  checkWritable',
    '  checkWritable',
  ),
  command('keys', 'commands/keys-new')(
    'a warning among the result',
    '    note(`warning: the value',
    '    line(`warning: the value',
  ),
  command('migrate', 'commands/migrate')(
    'a remark that an SQL client takes for SQL',
    "${options.sql ? '-- ' : ''}",
    '',
  ),
  command('move', 'commands/move')(
    'live sessions that are moved into the memory of this process',
    'of Object.values(stores)) checkShared',
    'of [stores.from]) checkShared',
  ),
  django('fallback-keys', 'commands/move-django')(
    "Django's fallback keys that are ignored",
    '...settings, secretKey, secretKeyFallbacks, clock',
    '...settings, secretKey, clock',
  ),
  command('revoke-everybody', 'commands/revoke-everybody')(
    'a leaked secret that is still in the ring',
    'if (kids.length > 1)',
    'if (kids.length > 2)',
  ),
  command('config', 'config')(
    'relative paths in a config that mean another folder',
    '  process.chdir(dirname(path))\n',
    '',
  ),
  django('clear-expired', 'django-store')('a mistyped path of a Django that is opened', '  checkPath(path)\n', ''),
  command('operator-defaults', 'environment')(
    'a folder called .env that stops every command',
    '    if (named === undefined) return\n    throw misuse(`${named} is a folder',
    '    throw misuse(`${named} is a folder',
  ),
  command('config', 'failure')(
    'a secret in the cause of an error that is printed',
    'isMissingPackage ? redact(oneLine(textOf(thrown)))',
    'isMissingPackage ? oneLine(textOf(thrown))',
  ),
  command('move-permanent', 'failures')(
    'a permanent failure that does not stop the work',
    '        onPermanent?.()\n',
    '',
  ),
  command('backup-output', 'locate')(
    'the oldest of several versions of pg_dump',
    '.sort((a, b) => Number(b) - Number(a))',
    '.sort((a, b) => Number(a) - Number(b))',
  ),
  command('output', 'main')(
    'a result that could not be written, and success',
    'code === EXIT.done && problem ?',
    'code === EXIT.failed && problem ?',
  ),
  command('revoke-everybody', 'options')('a key id that no secret has', 'Number(text) < 256', 'Number(text) <= 256'),
  command('terminal', 'output')('a CI system that is asked a question', ' && !process.env.CI', ''),
  command('program', 'program')(
    'a secret among the arguments that is printed',
    'return `${redact(\n',
    'return `${String(\n',
  ),
  command('clear-expired', 'progress')('a log that gets a line for every batch', '      printedAt = now\n', ''),
  command('terminal', 'prompts')('Enter that means yes', 'initialValue: false', 'initialValue: true'),
  command('backup-output', 'signals')(
    'a terminal that is closed and leaves a draft with all rows',
    "'SIGTERM', 'SIGHUP']",
    "'SIGTERM']",
  ),
  command('passwords', 'store-url')(
    'the first line of standard input for every option',
    'lines ??= readFileSync(0',
    'lines = readFileSync(0',
  ),
  command('init', 'init/env-file')(
    'a secret in a repository whose root is further up, not ignored',
    '    if (folder === dirname(folder)) return false',
    '    return false',
  ),
  command('init', 'config-source')('a quote in a URL that breaks the config', '.replaceAll("\'", "\\\\\'")', ''),
]

/** Mistakes that were found while these were chosen. */
export const foundMutations: readonly Mutation[] = [
  command('scan-formats', 'scan/aof')(
    'a session behind many other arguments',
    '      await argument(this.#reader, value)\n      if (i === 0)',
    '      await argument(this.#reader, value)\n      if (i >= 32) continue\n      if (i === 0)',
  ),
  command('scan-variants', 'scan/file')(
    'an archive in a tar archive, for which pg_restore is given the latter',
    ' && !this.#isMember',
    '',
  ),
  command('backup-output', 'backup/sqlite')(
    'a copy that a slow reader and Ctrl-C leave behind',
    'const restore = beforeSignal(remove)',
    'const restore = () => {}',
  ),
  command('backup-output', 'backup/run')(
    'an empty file that is called a backup',
    'checkSize(fstatSync(descriptor).size)',
    '',
  ),
  command('backup-output', 'backup/passed')(
    'a second output file in the same word as its option',
    "short: { f: 'file', d:",
    'short: { d:',
  ),
  command('scan-borders', 'scan/row')('a session behind many columns', 'const COLUMNS = 4096', 'const COLUMNS = 32'),
  command('scan-borders', 'scan/tally')(
    'columns that nothing has looked at',
    "if (row.isCut) this.notUnderstood('rows of more than 4,096 columns')",
    '',
  ),
  command('scan-borders', 'scan/django')(
    'a session of Django behind the first columns',
    'for (const value of row.values()) {\n    if (hasKey',
    'for (const value of [...row.values()].slice(0, 8)) {\n    if (hasKey',
  ),
  command('scan-borders', 'scan/django')(
    'a signed cookie in the header of a request',
    ' || hasSignedCookie(value)',
    '',
  ),
  command('scan-sqlite', 'scan/text')(
    'a dump of SQLite that was cut off between two statements',
    '/\\nCOMMIT;\\s*$/',
    '/;\\s*$/',
  ),
  command('scan-sqlite', 'scan/file')(
    'a dump of SQLite whose program reported an error, and that is called cut off',
    'if (endsWithError(text.end))',
    "if (endsWithError(''))",
  ),
  command('scan-sqlite', 'scan/raw')(
    'a deleted row of Django whose date follows its signature',
    '(?:(?![\\w-])|(?=\\d{4}-\\d\\d-\\d\\d ))/',
    '(?![\\w-])/',
  ),
  command('scan-sqlite', 'scan/sqlite')(
    'rows that are only in the journal of an unfinished transaction',
    'if ((await reader.peek(1))[0] === 0) return',
    'if ((await reader.peek(1)).length > 0) return',
  ),
  command('scan-sqlite', 'scan/sqlite')(
    'a journal that is left from an ended transaction, taken for an unfinished one',
    'if ((await reader.peek(1))[0] === 0) return',
    '',
  ),
  command('scan-sqlite', 'scan/file')(
    'the files beside a link to a database, in place of those beside the database',
    'await realpath(this.#file).catch(() => this.#file)',
    'this.#file',
  ),
  command('scan-sqlite', 'scan/pages')(
    'one large cell that a page of SQLite has thousands of times',
    'i < cells && this.#parsed <= this.#layout.usable',
    'i < cells',
  ),
  command('scan-sqlite', 'scan/pages')(
    'a page on which rows overlap, and which counts as read',
    "if (this.#parsed > this.#layout.usable) this.#tally.notUnderstood('a damaged page, on which rows overlap')",
    '',
  ),
  command('scan-variants', 'scan/pages')(
    'a long row on a small page that is no session as far as it goes',
    'local < size && local < ENOUGH',
    'local < size && local < 0',
  ),
  django('fallback-keys', 'django-store')(
    "fallback keys that are ignored where Django's files are cleared",
    "secretKeyFallbacks: (process.env.DJANGO_SECRET_KEY_FALLBACKS ?? '')",
    "secretKeyFallbacks: ''",
  ),
  command('scan-sql', 'scan/values')(
    'a parameter of a procedure, of which only the name is read',
    'if (byte === COMMA && this.#isName) this.#endName()',
    '',
  ),
  command('scan-sql', 'scan/values')(
    'a session in a string that is not the first of its value',
    'this.hasLost ||= this.#lost >= LEAST_LOST',
    '',
  ),
  command('scan-sql', 'scan/values')(
    'a session in hexadecimal digits that others overwrite',
    "if (/^0x/i.test(head.toString('latin1', 0, 2))) this.#lost += length",
    '',
  ),
  command('scan-sql', 'scan/insert')(
    'INSERT … SET whose values are in several strings',
    "      if (this.#values.hasLost) problem = SEVERAL\n      if (end === 'last') break",
    "      if (end === 'last') break",
  ),
  command('scan-formats', 'scan/aof')(
    'a session that a cluster has moved, and that is not counted',
    'if (i === 3 && isRestore) {',
    'if (i === 3 && isRestore && count < 0) {',
  ),
  command('scan-formats', 'scan/aof')(
    'a value from another server that cannot be read, and is skipped',
    "this.#tally.notUnderstood('a value that was restored')",
    '',
  ),
  command('scan-formats', 'scan/rdb')(
    'a damaged value that is taken for whole',
    'if (!stored.equals(sum) || !(',
    'if (!(',
  ),
  command('backup-tables', 'backup/postgres')(
    'rows of partitions of the session table that are in the backup',
    '...caches.found, ...descendants]',
    '...caches.found]',
  ),
  command('backup-tables', 'backup/catalog')(
    'rows of a partition of a partition that are in the backup',
    'waiting.push(idOf(table))',
    '',
  ),
  command('backup-tables', 'commands/backup')(
    '--print that does not say what it has not looked up',
    'planner === postgresPlanner ?',
    'planner === mysqlPlanner ?',
  ),
  command('backup-tables', 'backup/catalog')(
    'a mistyped --without, and a backup with the rows',
    'if (first === undefined) return',
    'return',
  ),
  command('backup-tables', 'backup/sqlite-worker')(
    'a table of `main` that does not exist under that name',
    '|| empty(copy, withoutSchema(table))',
    '',
  ),
  command('backup-tables', 'backup/catalog')(
    'advice to leave out a table in every schema',
    'shellWords([shown(table)])',
    'shellWords([table.name])',
  ),
  command('backup-passed', 'backup/mysql')(
    'a second dump without rows of a table that is named',
    '!canLeaveOut && chosen.length === 0',
    '!canLeaveOut',
  ),
  command('backup-passed', 'backup/mysql')(
    '--tables, in a dump without rows',
    "['tables', ...mysqlGrammar.output]",
    'mysqlGrammar.output',
  ),
  command('backup-passed', 'backup/passed')(
    'tables that are looked up on one server, and dumped from another',
    'if (connection)\n',
    'if (connection && hasFile === null)\n',
  ),
  command('backup-passed', 'backup/passed')(
    'an option for a certificate whose value is lost',
    '[word] : [word, next]',
    '[word] : [word]',
  ),
  command('backup-passed', 'backup/mysql')(
    'several databases, of which one is searched for caches',
    'several && request.django',
    "several && request.url === ''",
  ),
  command('backup-passed', 'backup/passed')(
    'a help text that is called a backup',
    'if (information) throw',
    "if (information?.name === '') throw",
  ),
  command('backup-passed', 'backup/run')('an empty pipe that is called a backup', 'let bytes = 0\n', 'let bytes = 1\n'),
  command('backup-passed', 'backup/run')(
    'an empty file that the shell has opened, and that is called a backup',
    'size - before.size',
    'size + 1',
  ),
  command('backup-passed', 'backup/passed')('a password after other short options', 'if (takesRest) break', 'break'),
  command('backup-passed', 'backup/passed')(
    'a password after an abbreviation',
    "plain !== '' && name.startsWith(plain)",
    'name === plain',
  ),
  command('backup-passed', 'backup/mysql')(
    'a session table that is named, and dumped with its rows',
    'isSame(table.name, word)',
    "table.name === ''",
  ),
  command('studio', 'commands/studio')(
    'a studio that says nothing of a store that is away',
    'catch((error) => note(`the store could not be looked at: ${messageOf(error)}`))',
    'catch(() => undefined)',
  ),
  command('scan-binlog', 'scan/tally')(
    'rows in comments that are taken in by a string and not reported',
    'if (comments > 0)',
    'if (comments < 0)',
  ),
  command('scan-binlog', 'scan/notes')(
    'rows that are printed in hexadecimal digits alone, and are skipped',
    'this.#isOnlyDumped = holdsRows(Number.parseInt(type, 16))',
    'this.#isOnlyDumped = false',
  ),
  command('scan-binlog', 'scan/sql')(
    'rows that are printed in hexadecimal digits and in base64, and are called lost',
    '      this.#notes.printed()\n',
    '',
  ),
  command('scan-formats', 'scan/file')(
    'a file that is left unread, and whose error ends the process',
    "    stream.on('error', () => {})\n",
    '',
  ),
  command('scan-sql', 'scan/kind')(
    'an entry of the library whose end nobody has seen, and that counts as harmless',
    '    if (length > bytes.length) return false\n',
    '',
  ),
]
