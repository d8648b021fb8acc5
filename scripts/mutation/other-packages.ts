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
    '{ mode: 0o600 })\n  // The mode above is only for a new file. An existing one contains a secret now, too.\n  chmodSync(file, 0o600)',
    '{ mode: 0o644 })',
  ),
  cli('init', 'init/env-file')('a secret in a file that everybody could read before', 'chmodSync(file, 0o600)', ''),
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
  cli('config', 'config')(
    'a mistyped path that becomes an empty store',
    'if (path !== null && !existsSync(path)) throw',
    'if (path === null && !existsSync("/")) throw',
  ),
  cli('keys', 'secrets')(
    'a new secret under a key id that is taken',
    '!taken.includes(kidsOf(fresh)[0] as number)',
    'true',
  ),
  cli('scan', 'scan/file')(
    'a dump that is decompressed for ever',
    'if (this.#compressions.length > LAYERS) throw',
    'if (this.#compressions.length > 1e6) throw',
  ),
  cli('scan', 'scan/file')(
    'a dump that was cut off and is reported as clean',
    "if (hasLastLine(start) && !/dump complete/i.test(text.end)) throw truncated('the dump')",
    '',
  ),
]
