// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const check = (test: string, file: string) => on(`test/doctor/${test}.test.ts`, `packages/cli/src/doctor/${file}.ts`)

/** A finding that is missed, or that is called green although nobody knows. */
export const doctorMutations: readonly Mutation[] = [
  check('cookie', 'cookie')(
    'advice for the drop-in for express-session with options that it does not have',
    'isDropIn ? DROP_IN : OURS',
    'OURS',
  ),
  check('postgres', 'postgres')(
    'an index whose creation was cut off, and that counts as one',
    'if (ours.some(([, valid]) => valid ===',
    'if (ours.some(([, valid]) => valid !== null || valid ===',
  ),
  check('postgres', 'postgres')(
    'an UNLOGGED table that is called safe',
    "persistence === 'u'\n",
    "persistence === 't'\n",
  ),
  check('postgres', 'postgres')(
    'a replica that is taken for the primary',
    "if (isReplica === 't')",
    "if (isReplica === 'true')",
  ),
  check('postgres', 'postgres')(
    'an unlogged partition that nobody looks at',
    "WHERE p.relpersistence = 'u'",
    "WHERE p.relpersistence = 'x'",
  ),
  check('postgres', 'postgres')(
    'a database that takes no writes, and is called the primary',
    "if (readOnly === 'on')",
    "if (readOnly === 'yes')",
  ),
  check('postgres', 'postgres-rights')(
    'a role that may not delete, so that nobody is logged out',
    'if (missing.length === 0) return [check]',
    'if (missing.length >= 0) return [check]',
  ),
  check('postgres', 'postgres-rights')(
    'the superuser, whose rights are not looked at',
    "if (isSuper === 't')",
    "if (isSuper === 't' && role === null)",
  ),
  check('postgres', 'rows')(
    'a sweep that does not run, and that nobody notices',
    'if (oldest !== null && now - oldest > allowed)',
    'if (oldest !== null && now < oldest && now - oldest > allowed)',
  ),
  check('postgres', 'clock')(
    'a clock that is ahead, and is not noticed',
    'Math.max(ahead, behind, 0)',
    'Math.max(behind, 0)',
  ),
  check('mysql', 'mysql')(
    'commits that are flushed once a second, and are called safe',
    "if (value === '1' || value === '3')",
    "if (value !== '0')",
  ),
  check('mysql', 'mysql')(
    'ids that need not be unique',
    "(column !== 'id' || Number(shared) === 0)",
    "(column !== 'id' || Number(shared) >= 0)",
  ),
  check('mysql', 'mysql-rights')(
    'a grant on every database that is not seen',
    "grant.on === '*.*' && grant.rights.some((right) => right !== 'USAGE')",
    "grant.on === '*' && grant.rights.some((right) => right !== 'USAGE')",
  ),
  check('redis', 'redis')(
    'an fsync that is not known, and is called good',
    "if (fsync === 'always') return",
    "if (fsync !== 'everysec') return",
  ),
  check('redis', 'redis')(
    'snapshots that bring back ended sessions, and count as no disk at all',
    "if (appends === '0' && config('save') === '')",
    "if (appends === '0')",
  ),
  check('redis', 'redis-access')(
    'a server that lets anyone in, and is not asked',
    "if (text.startsWith('+PONG')) return true",
    "if (text.startsWith('+PONG')) return false",
  ),
  check('redis', 'redis-access')(
    'a Redis whose ACL may not be read, and that counts as protected',
    'if (rules === null) return null\n  const flags',
    'if (rules === null) return false\n  const flags',
  ),
  check('redis', 'redis-access')(
    'a Redis with ACL renamed, whose user counts as one with few rights',
    'return rules.isForbidden\n',
    'return rules !== null\n',
  ),
  check('redis', 'redis-access')(
    'a user who may do everything but one harmless thing, and is called safe',
    "rule === '-@all')",
    "rule.startsWith('-'))",
  ),
  check('mysql', 'mysql-rights')(
    'a user who may not delete, so that nobody is logged out',
    '!had.includes(right))',
    "!had.includes(right) && right !== 'DELETE')",
  ),
  check('diagnose', 'versions')(
    'a release line of which nothing is known, and that counts as supported',
    'lines[program]?.[line]',
    "lines[program]?.[line] ?? '9999-01-01'",
  ),
  check('local', 'file-systems')(
    'a file system that is in no list, and counts as local',
    'if (LOCAL.has(kind)) return',
    'if (LOCAL.size > 0) return',
  ),
  check('secrets', 'secrets')(
    'a secret in the base64 of a manifest, that is not found',
    'return [secret, ...inBase64,',
    'return [secret, ...inBase64.slice(3),',
  ),
  check('secrets', 'env-file')(
    'a file of secrets that cannot be read, of which nothing is said',
    "if (way.code === 'ENOENT' || way.code === 'ENOTDIR') return null",
    'if (way.code) return null',
  ),
  check('memcached', 'memcached')(
    'evictions that are not counted',
    'if (count === 0) return topic.green(check, `memcached at ${name} has evicted',
    'if (count >= 0) return topic.green(check, `memcached at ${name} has evicted',
  ),
  check('local', 'modes')(
    'a folder that others may write to, and that is called private',
    '(may(stats) & 0o022) !== 0)\n  if (written)',
    '(may(stats) & 0o002) === 0o022)\n  if (written)',
  ),
  check('local', 'file-systems')(
    'a file system whose type is a negative number, and that is not recognized',
    'const kind = type >>> 0',
    'const kind = type',
  ),
  check('local', 'file-systems')(
    'another system, whose file systems are all called local',
    "if (platform !== 'linux')",
    "if (platform === 'win32')",
  ),
  check('local', 'sqlite')(
    'a database of the application that is not asked for its settings',
    'synchronous === null ? Number(sync?.synchronous)',
    'synchronous === null ? 2',
  ),
  check('local', 'sqlite')(
    'a database that is made by looking for it',
    '  const way = await wayTo(path)',
    '  new (nodeSqlite().DatabaseSync)(path).close()\n  const way = await wayTo(path)',
  ),
  check('secrets', 'repository')(
    'secrets among the arguments of a program, which everybody can read',
    "'-l', '-z', '-a', '-F', '-f', '-']\n  const answer = await git(root, args, `${strings.join('\\n')}\\n`)",
    "'-l', '-z', '-a', '-F', strings[0] ?? '']\n  const answer = await git(root, args)",
  ),
  check('secrets', 'repository')(
    'a secret in the history that lies across two pieces of it, or in any',
    'if (isFound) return true',
    'if (isFound) return null',
  ),
  check('secrets', 'secrets')(
    'a secret that another variable has, too',
    'environment[other]?.includes(secret)',
    'environment[other]?.startsWith(`${secret} `)',
  ),
  check('secrets', 'env-file')(
    'a tracked file of secrets that counts as ignored',
    'if (await isTracked(repository.root, path))',
    'if ((await isTracked(repository.root, path)) && name === path)',
  ),
  on('test/cli/doctor.test.ts', 'packages/cli/src/config.ts')(
    'a value of the environment that an error of a config quotes, and that is printed',
    'could not be loaded: ${messageWithoutQuotes(error)}',
    'could not be loaded: ${(messageWithoutQuotes, (error as Error).message)}',
  ),
  on('test/cli/doctor.test.ts', 'packages/cli/src/failure.ts')(
    'a quoted value with a quotation mark in it, of which the rest is printed',
    '["\'`].*["\'`](?!\\w)|',
    '["\'`].*?["\'`](?!\\w)|',
  ),
  on('test/cli/doctor.test.ts', 'packages/cli/src/commands/doctor.ts')(
    'a password in the URL of a site, that a message repeats',
    "throw misuse('--url must be like https://shop.example/login,",
    "throw misuse(text + '--url must be like https://shop.example/login,",
  ),
  on('test/cli/doctor.test.ts', 'packages/cli/src/commands/doctor.ts')(
    'a name that accepts nothing, and is repeated',
    '`name ${i + 1} of --accept accepts nothing',
    '`name ${name} of --accept accepts nothing',
  ),
  check('secrets', 'repository')(
    'a shallow clone, whose history is called searched',
    "if (shallow.out.trim() !== 'false') return 'commits'",
    "if (shallow.out.trim() === '') return 'commits'",
  ),
  check('secrets', 'repository')(
    'a partial clone, whose history is called searched',
    "return partial.out === '' ? 'none' : 'files'",
    "return 'none'",
  ),
  check('secrets', 'secrets')(
    'a secret in uppercase hexadecimal, that is not found',
    'hex, hex.toUpperCase()]',
    'hex]',
  ),
  check('site', 'site')(
    'a cookie that is weak only when it is set again, and that nobody looks at',
    'const set = sessionsOf(all)',
    'const set = sessionsOf(seen)',
  ),
  check('site', 'site')(
    'a visitor who comes back and is refused, and is called known',
    'status >= 400 && status !== 429 && first.status < 400',
    'status >= 600',
  ),
  check('site', 'site')(
    'a response that sets the cookie again, and that caches may store',
    '...worstOf(all.filter(',
    '...worstOf(seen.filter(',
  ),
  on('test/doctor/site.test.ts', 'packages/cli/src/cache-control.ts')(
    'a header for the caches of a CDN, that nobody reads',
    "['cache-control', ...targeted]",
    "['cache-control', ...targeted.slice(targeted.length)]",
  ),
  on('test/doctor/site.test.ts', 'packages/cli/src/cache-control.ts')(
    'a directive whose name only contains no-store',
    "all.has('no-store')",
    "[...all.keys()].join().includes('no-store')",
  ),
  check('site', 'site')(
    'a session that is not known again, and is called known',
    'if (others.every((sid) => sid === before))',
    'if (others.every((sid) => sid !== null || sid === before))',
  ),
  check('site', 'site')(
    'a copy from a shared cache that sets a session',
    'if (isCopy)\n    return topic.red(',
    'if (isCopy && headers === null)\n    return topic.red(',
  ),
  check('site', 'visitor')(
    'a redirect that is followed to another host',
    'if (next === null || next.hostname !== from.hostname ||',
    'if (next === null ||',
  ),
  check('diagnose', 'backups')(
    'a backup that was not read whole, and is called free of sessions',
    'if (problem !== null)',
    "if (problem === '')",
  ),
  check('diagnose', 'network')(
    'a proxy beside the server, behind which a connection counts as local',
    "if (reach === 'machine') return reachOf(client)",
    "if (reach === 'machine') return reach",
  ),
  on('test/cli/doctor.test.ts', 'packages/cli/src/commands/doctor.ts')(
    'what is unknown, and passes a strict run',
    "['red', 'amber', 'unknown']",
    "['red']",
  ),
  on('test/cli/doctor.test.ts', 'packages/cli/src/commands/doctor.ts')(
    'a finding that is accepted, and counts all the same',
    '!options.accept?.includes(name)',
    'name !== null',
  ),
  on('test/cli/doctor.test.ts', 'packages/cli/src/commands/doctor.ts')(
    'a name that accepts nothing, and is not told',
    'if (findings.includes(name)) continue',
    "if (name !== '') continue",
  ),
  check('links', 'way')(
    'a link that is judged by its own mode',
    'steps.filter(({ stats }) => !stats.isSymbolicLink())',
    'steps.filter(({ stats }) => stats.mode > 0)',
  ),
  check('links', 'way')('a folder on the way that others may write to', 'if (open)\n', "if (open?.path === '/')\n"),
  check('links', 'way')(
    'a folder with the sticky bit that counts as open to all',
    '(stats.mode & 0o1000) === 0 && (othersMay',
    '(stats.mode & 0o10000) === 0 && (othersMay',
  ),
  check('links', 'way')(
    'a link of another user on the way',
    'if (!theirs) return null',
    'if (!theirs || theirs.stats.isSymbolicLink()) return null',
  ),
  check('links', 'way')(
    'a group with everybody in it that counts as private',
    "members === '' || members === name",
    'members !== undefined',
  ),
  check('local', 'sqlite')(
    'an examination that drops the locks of the application',
    'if (query) return work(query)',
    "if (query && path === '') return work(query)",
  ),
  check('links', 'sqlite')(
    'a write-ahead log that is looked for beside the link',
    'await filesAt(way.end.path)',
    'await filesAt(path)',
  ),
  check('links', 'place')(
    'a link into a folder that is emptied',
    'const path = await realpath(given)',
    'const path = await realpath(dirname(given)).then(() => resolve(given))',
  ),
  check('links', 'file')(
    'a folder of locks that others may write to',
    "const OURS = ['.', 'sessions', 'owners', 'locks']",
    "const OURS = ['.', 'sessions', 'owners']",
  ),
  check('links', 'file')(
    'a session directory that is a link, which the engine refuses',
    'if ((await lstat(folder)).isSymbolicLink())',
    'if ((await stat(folder)).isSymbolicLink())',
  ),
  check('links', 'env-file')(
    'a key of a URL whose mode is not looked at',
    "get('sslkey') ?? []",
    "get('sslcert') ?? []",
  ),
  check('mysql', 'mysql')(
    'the local time of a server, which comes twice when summer time ends',
    "TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6))",
    'UNIX_TIMESTAMP(NOW(6)) * 1000000',
  ),
  check('redis-protection', 'redis-protection')(
    'a Redis before 7 that is called protected where bind is set',
    "if (bind === '' || isSeven(version)) return true",
    "if (bind === '' || version !== '') return true",
  ),
  check('redis-protection', 'redis-protection')(
    'a server that answered over a network, and is called local',
    'if (listening.isOpenFromNetwork) return true',
    'if (listening.isOpenFromNetwork && listening.mode) return true',
  ),
  check('redis-protection', 'redis-protection')(
    'a server that may be open, and is called closed',
    'return beyond === null || protects === null ? null : true',
    'return beyond === null || protects === null ? false : true',
  ),
  check('redis-untold', 'redis')(
    'evictions that nobody tells, and that count as none',
    'if (Number.isNaN(evicted) && (policy',
    'if (Number.isNaN(evicted) && isCache && (policy',
  ),
  check('redis-untold', 'redis')(
    'a status of a file that is not told, and counts as written',
    'if (failed.length === 0 && untold.length > 0)',
    'if (failed.length === 0 && untold.length > 2)',
  ),
  check('diagnose', 'clock')(
    'a time that is not told, and is compared',
    'if (!Number.isFinite(theirs)) return',
    'if (theirs === 0) return',
  ),
  check('postgres', 'postgres-replicas')(
    'a replica that no commit waits for',
    'if (!standbys)',
    'if (standbys === null)',
  ),
  check('postgres', 'postgres-replicas')(
    'a commit that does not wait, although it should',
    "if (commit === 'local' || commit === 'off')",
    "if (commit === 'off')",
  ),
  check('site', 'site')(
    'a time-out of http that is taken for a server that does not redirect',
    "=== 'TimeoutError')",
    "=== 'AbortError')",
  ),
  check('print', 'print')(
    'a command that is broken into two lines',
    "if (prose === '') return yield",
    'if (prose === null) return yield',
  ),
  check('print', 'print')(
    'a group of accepted findings that is still called red',
    'counted.some((check) => check.level === level)',
    'found.some((check) => check.level === level)',
  ),
]
