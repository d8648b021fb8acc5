import { misuse } from '../failure.ts'

/** What has to be known of a program's options to judge the arguments after `--`. */
export interface Grammar {
  /** The long names of short options, of those that matter. */
  readonly short: Readonly<Record<string, string>>
  /** Short options that take the rest of their word as a value, or the next word. */
  readonly valued: string
  /** Long options that take a value, also in the next word. */
  readonly values: readonly string[]
  /** Other long options with whose names those of others begin: they are no abbreviation. */
  readonly whole: readonly string[]
  readonly connection: readonly string[]
  readonly output: readonly string[]
  /** Options that take a password as their value. */
  readonly password: readonly string[]
  /** Can a name have `loose-` and the like before it, and `_` for `-`? */
  readonly hasPrefixes: boolean
}

/** Programs print something else than a dump, and succeed. */
const INFORMATION = ['help', 'version', 'print-defaults']

interface Option {
  /** A long name; several where it is an abbreviation of all these. */
  readonly names: readonly string[]
  readonly value: string | null
}

/** An option with its value, or a word that is none. */
interface Argument {
  readonly words: readonly string[]
  /** Several where short options share a word. None in a word that is no option. */
  readonly options: readonly Option[]
}

/** The arguments, options together with values that are words of their own. */
export function argumentsIn(passed: readonly string[], grammar: Grammar): Argument[] {
  const found: Argument[] = []
  const end = passed.indexOf('--')
  for (let i = 0; i < passed.length; i++) {
    const word = passed[i] as string
    if (i === end) continue
    const options = end >= 0 && i > end ? [] : optionsIn(word, grammar)
    const last = options.at(-1)
    const takesNext = last?.value === null && last.names.some((name) => grammar.values.includes(name))
    const next = takesNext ? passed[i + 1] : undefined
    found.push({ words: next === undefined ? [word] : [word, next], options })
    if (next !== undefined) i++
  }
  return found
}

function optionsIn(word: string, grammar: Grammar): Option[] {
  if (!/^-./s.test(word) || word === '--') return []
  if (word.startsWith('--')) return [longOption(word, grammar)]
  const options: Option[] = []
  const letters = [...word.slice(1)]
  for (const [i, letter] of letters.entries()) {
    const takesRest = grammar.valued.includes(letter)
    const rest = letters.slice(i + 1).join('')
    options.push({ names: [grammar.short[letter] ?? letter], value: takesRest && rest !== '' ? rest : null })
    if (takesRest) break
  }
  return options
}

function longOption(word: string, grammar: Grammar): Option {
  const [, given = '', value = null] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? []
  const plain = grammar.hasPrefixes ? given.replaceAll('_', '-').replace(/^(?:(?:loose|enable|maximum)-)+/, '') : given
  const known = [...new Set(Object.values(grammar.short)), ...grammar.values, ...grammar.whole, ...listed(grammar)]
  const names = known.includes(plain) ? [plain] : known.filter((name) => plain !== '' && name.startsWith(plain))
  return { names: names.length === 0 ? [plain] : names, value }
}

const listed = ({ connection, output, password }: Grammar) => [...connection, ...output, ...password, ...INFORMATION]

/** Is there one of these options? Looks at every word, because a program may disagree about which of them are values. */
export function findOption(
  passed: readonly string[],
  grammar: Grammar,
  names: readonly string[],
): { readonly name: string; readonly value: string | null } | undefined {
  for (const { names: given, value } of passed.flatMap((word) => optionsIn(word, grammar))) {
    const name = given.find((each) => names.includes(each))
    if (name !== undefined) return { name, value }
  }
  return undefined
}

/** Refuses what would make another dump than the one that was asked for, or show a password. */
export function checkPassed(passed: readonly string[], grammar: Grammar, hasFile: boolean): void {
  const isPassword = (word: string) =>
    /password\s*=\s*\S|:\/\/[^/\s]*:[^/\s]*@/i.test(word) ||
    grammar.password.some((name) => findOption([word], grammar, [name])?.value)
  if (passed.some(isPassword))
    throw misuse('Other users can see a password in the arguments of a command: set PGPASSWORD or MYSQL_PWD instead.')
  const connection = findOption(passed, grammar, grammar.connection)
  // Tables would be looked up in one database, and another one would be dumped.
  if (connection)
    throw misuse(
      `--${connection.name} cannot be passed on: the URL says which database is dumped. Put host, port, user and database into the URL.`,
    )
  const information = findOption(passed, grammar, INFORMATION)
  if (information) throw misuse(`With --${information.name} there is no dump, so it cannot be passed on.`)
  if (hasFile && findOption(passed, grammar, grammar.output))
    throw misuse('There are two output files: use -o or the option of the program, not both.')
}

export const postgresGrammar: Grammar = {
  short: { f: 'file', d: 'dbname', h: 'host', p: 'port', U: 'username', w: 'no-password', V: 'version', '?': 'help' },
  valued: 'deEfFhjnNpStTUZ',
  values: [],
  whole: [],
  connection: ['dbname', 'host', 'port', 'username'],
  output: ['file'],
  password: [],
  hasPrefixes: false,
}

export const mysqlGrammar: Grammar = {
  short: {
    ...{ h: 'host', P: 'port', S: 'socket', u: 'user', p: 'password', r: 'result-file', T: 'tab', w: 'where' },
    ...{ A: 'all-databases', B: 'databases', V: 'version', '?': 'help' },
  },
  valued: 'hPSurTwp#',
  values: [
    ...['as-of', 'bind-address', 'character-sets-dir', 'compatible', 'compression-algorithms', 'default-auth'],
    ...['default-character-set', 'dir', 'fields-enclosed-by', 'fields-escaped-by', 'fields-optionally-enclosed-by'],
    ...['fields-terminated-by', 'host', 'ignore-database', 'ignore-error', 'ignore-table', 'ignore-table-data'],
    ...['init-command', 'init-command-add', 'lines-terminated-by', 'log-error', 'login-path', 'max-allowed-packet'],
    ...['max-statement-time', 'mysqld-long-query-time', 'net-buffer-length', 'output-as-version', 'parallel'],
    ...['plugin-authentication-kerberos-client-mode', 'plugin-dir', 'port', 'protocol', 'result-file'],
    ...['server-public-key-path', 'shared-memory-base-name', 'socket', 'ssl-ca', 'ssl-capath', 'ssl-cert'],
    ...['ssl-cipher', 'ssl-crl', 'ssl-crlpath', 'ssl-fips-mode', 'ssl-fp', 'ssl-fplist', 'ssl-key', 'ssl-mode'],
    ...['ssl-session-data', 'system', 'tab', 'tls-ciphersuites', 'tls-sni-servername', 'tls-version', 'user', 'where'],
    'zstd-compression-level',
  ],
  whole: ['ssl', 'compress', 'tables', 'databases', 'all-databases'],
  connection: [
    ...['host', 'port', 'socket', 'user', 'protocol', 'login-path'],
    ...['defaults-file', 'defaults-extra-file', 'defaults-group-suffix', 'no-defaults'],
  ],
  output: ['result-file', 'tab', 'dir'],
  password: ['password', 'password1', 'password2', 'password3'],
  hasPrefixes: true,
}
