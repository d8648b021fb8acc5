import { type Cell, PROPERTIES, type Report, type RowInfo } from '@strongroom/cli/lab'

const SECTION = /(<!-- lab: ([\w-]+) -->\n)[\s\S]*?(<!-- lab end -->)/g

/** The pages that show a recorded run, and the tables that each must have. */
export const PAGES: Readonly<Record<string, readonly string[]>> = {
  'README.md': ['engines', 'attackers'],
  'docs/engines.md': ['properties'],
  'docs/lab.md': ['attacks'],
  'docs/security.md': ['matrix', 'peers', 'run'],
}

/** The page with what was recorded between its markers. */
export function withTables(page: string, names: readonly string[], report: Report): string {
  const written = new Set<string>()
  const text = page.replace(SECTION, (_section, begin: string, name: string, end: string) => {
    written.add(name)
    const table = TABLES[name]
    if (!table) throw new Error(`Nothing is called "${name}" that a page could show of a recorded run.`)
    // A comment ends on its own line in Markdown, so a table may follow it.
    return `${begin}${table(report)}\n${end}`
  })
  for (const name of names)
    if (!written.has(name))
      throw new Error(`The page has no place for "${name}": <!-- lab: ${name} --> … <!-- lab end -->`)
  return text
}

const TABLES: Readonly<Record<string, (report: Report) => string>> = {
  engines: (report) => enginesTable(report),
  attackers: (report) => attackersTable(report),
  properties: (report) => propertiesTable(report),
  matrix: (report) => matrix(report, ({ family }) => family === 'strongroom'),
  peers: (report) => matrix(report, ({ family }) => family !== 'strongroom'),
  attacks: ({ attacks }) =>
    attacks
      .map(
        ({ name, title, attacker, how, docs }) =>
          `**${title}** (\`${name}\`), by ${attacker}. ${how} [More](${docs.replace(/^docs\//, '')}).`,
      )
      .join('\n\n'),
  run: ({ at, machine, rows, attacks, cells }) =>
    `Recorded on ${at.slice(0, 10)} with ${machine}: ${rows.length} engines and libraries, ${attacks.length} attacks, ${cells.filter(({ verdict }) => verdict === 'held' || verdict === 'broken').length} of ${cells.length} cells run. ${versions(rows)}`,
}

const versions = (rows: readonly RowInfo[]) => {
  const named = new Set(rows.flatMap(({ version }) => (version ? version.split(/ on |, | and /) : [])))
  return `Versions: ${[...named].sort().join(', ')}.`
}

/** One word for each mark: a table must be readable without colours. */
const MARKS: Readonly<Record<Cell['verdict'], string>> = {
  held: '✓',
  broken: '✗',
  'not applicable': '–',
  'not run': '?',
}

/** A promise that was broken. */
const ALARM = '**!**'

const markOf = ({ verdict, promised }: Cell) => (verdict === 'broken' && promised ? ALARM : MARKS[verdict])

/** Engines down and attacks across would be too wide: attacks down, each engine under a number that the list below explains. */
function matrix(report: Report, isShown: (row: RowInfo) => boolean): string {
  const rows = report.rows.filter(isShown)
  const cells = new Map(report.cells.map((cell) => [`${cell.row}\n${cell.attack}`, cell]))
  const head = ['attack', 'property', ...rows.map((_, index) => `${index + 1}`)]
  const lines = report.attacks.map(({ name, title, property }) => [
    escaped(title),
    property,
    ...rows.map((row) => markOf(cells.get(`${row.name}\n${name}`) as Cell)),
  ])
  const list = rows.map(({ name }, index) => `${index + 1} ${escaped(name)}`).join(' · ')
  return `${piped(head, lines)}\n\n${list}`
}

/** What people choose an engine by. */
const CHOSEN = [
  ['survives a crash of the store', 'kill-the-store'],
  ['… and of the application', 'kill-the-application'],
  ['a backup tells nothing', 'read-a-backup'],
  ['… nor with the secrets', 'read-a-backup-and-the-secrets'],
  ['a cookie tells nothing', 'read-the-cookie-jar'],
  ['altered rows are refused', 'alter-rows'],
  ['a logout is final', 'replay-after-logout'],
  ['forgets who never came back', 'abandoned-sessions'],
] as const

/** In the words of the documentation. */
const SHARED: Readonly<Record<string, string>> = {
  process: 'one process',
  machine: 'processes of one machine',
  network: 'any number of machines',
}

/** Where the row's engine is documented. */
const pageOf = ({ name }: RowInfo) => (/^\w+/.exec(name)?.[0] ?? name).replace(/^valkey$/, 'redis')

/** Rows of ours under the default seal of their engines. */
const isDefault = ({ family, name }: RowInfo) => family === 'strongroom' && !/\bseal\b/.test(name)

/** One line for all rows that have the same marks, which are joined by " | ". */
function grouped(rows: readonly RowInfo[], nameOf: (row: RowInfo) => string, marksOf: (row: RowInfo) => string[]) {
  const groups = new Map<string, string[]>()
  for (const row of rows) {
    const key = marksOf(row).join(' | ')
    groups.set(key, [...(groups.get(key) ?? []), nameOf(row)])
  }
  return [...groups].map(([key, names]) => [names.join(', '), ...key.split(' | ')])
}

/** The engines under their default seals, those with the same result in one line; docs/security.md has all. */
function enginesTable(report: Report): string {
  const lines = grouped(
    report.rows.filter(isDefault),
    (row) => `[\`${row.name}\`](docs/${pageOf(row)}.md)`,
    (row) => [
      ...CHOSEN.map(([, attack]) => markOfAll(cellsOf(report, row, [attack]))),
      SHARED[row.traits?.shared ?? ''] ?? '',
    ],
  )
  return piped(['engine', ...CHOSEN.map(([title]) => title), 'shared by'], lines)
}

/** Each engine under its default seal and each property. What succeeded has a letter, which the list below the table explains. */
function propertiesTable(report: Report): string {
  const letters = new Map<string, string>()
  const letterOf = (attack: string) => {
    const letter = letters.get(attack) ?? letterAt(letters.size)
    letters.set(attack, letter)
    return letter
  }
  const cellOf = (row: RowInfo, property: string) => {
    const attacks = report.attacks.filter((attack) => attack.property === property).map(({ name }) => name)
    const cells = cellsOf(report, row, attacks)
    const broken = cells.filter(({ verdict }) => verdict === 'broken').map(({ attack }) => letterOf(attack))
    return [markOfAll(cells), ...broken].join(' ')
  }
  const lines = grouped(
    report.rows.filter(isDefault),
    (row) => `[\`${row.name}\`](${pageOf(row)}.md)`,
    (row) => PROPERTIES.map((property) => cellOf(row, property)),
  )
  const titles = new Map(report.attacks.map(({ name, title }) => [name, title]))
  const list = [...letters].map(([attack, letter]) => `${letter} ${escaped(titles.get(attack) ?? attack)}`).join(' · ')
  return `${piped(['engine', ...PROPERTIES], lines)}${list && `\n\n${list}`}`
}

/** a to z, then aa. */
const letterAt = (index: number): string =>
  (index < 26 ? '' : letterAt(Math.floor(index / 26) - 1)) + String.fromCharCode(97 + (index % 26))

/** What attackers have, and the attacks that take no more than that. Accidents, which nobody makes, are in the other tables. */
export const ATTACKERS: readonly (readonly [has: string, attacks: readonly string[]])[] = [
  ["the database's files, or a backup", ['read-the-files', 'read-a-backup']],
  ["… and the server's secrets", ['read-a-backup-and-the-secrets']],
  ["the server's disk or memory, once sessions are over", ['abandoned-sessions', 'memory-after-the-end']],
  ['write access to the database, or to a cache', ['alter-rows', 'swap-rows', 'write-to-the-cache']],
  ['… and a copied cookie: old rows put back', ['roll-back-rows']],
  ["the disk of the visitor's computer", ['read-the-cookie-jar']],
  [
    'a copied cookie or a password, once the owner has ended the sessions',
    [
      ...['replay-after-logout', 'replay-after-revoke-all', 'renewed-copy', 'slow-request-and-logout'],
      ...['slow-request-and-revoke-all', 'renewal-and-logout', 'renewal-and-revoke-all', 'login-and-revoke-all'],
      ...['cached-copy', 'cached-copy-later', 'unmet-secret', 'session-limit'],
    ],
  ],
  [
    'only requests to send, or a page, a host or a proxy beside yours',
    [
      ...['alter-a-cookie', 'made-up-tokens', 'odd-requests', 'flood-of-visitors', 'error-pages', 'failing-handler'],
      ...['hang-up', 'renewals-pile-up', 'fixation', 'fixation-other-name', 'two-cookies', 'cookie-attributes'],
      'shared-cache',
    ],
  ],
]

/** Under which seal our engines hold sessions. */
const SEALS: readonly (readonly [title: string, isUnder: (row: RowInfo) => boolean])[] = [
  ['`two-key`, the default', ({ engine, seal }) => engine !== 'cookie' && seal === 'two-key'],
  ['`server-key`', ({ engine, seal }) => engine !== 'cookie' && seal === 'server-key'],
  ['`none`', ({ engine, seal }) => engine !== 'cookie' && seal === 'none'],
  ['`cookie:`', ({ engine }) => engine === 'cookie'],
]

/** What attackers achieved, by what they have and by the seal: on how many engines all attacks failed, and on which one succeeded. */
function attackersTable(report: Report): string {
  const ours = report.rows.filter(({ family }) => family === 'strongroom')
  const lines = ATTACKERS.map(([has, attacks]) => [
    has,
    ...SEALS.map(([, isUnder]) => {
      const marked = ours
        .filter(isUnder)
        .map((row) => ({ name: shortName(row), mark: markOfAll(cellsOf(report, row, attacks)) }))
      return counted(marked.filter(({ mark }) => mark !== MARKS['not applicable']))
    }),
  ])
  return piped(['an attacker who has', ...SEALS.map(([title]) => title)], lines)
}

/** Without what the head of the column says. */
const shortName = ({ name }: RowInfo) => `\`${name.replace(/, seal [\w-]+$|^cookie, /, '')}\``

/** "✓ 8", or "✓ 9, ✗ 1: `the engine`". */
function counted(marked: readonly { readonly name: string; readonly mark: string }[]): string {
  const counts = BEST_FIRST.flatMap((mark) => {
    const some = marked.filter((each) => each.mark === mark)
    if (some.length === 0) return []
    const needsNames = mark !== MARKS.held && some.length < marked.length
    return [`${mark} ${some.length}${needsNames ? `: ${some.map(({ name }) => name).join(', ')}` : ''}`]
  })
  return counts.join(', ') || MARKS['not applicable']
}

function cellsOf({ cells }: Report, { name }: RowInfo, attacks: readonly string[]): readonly Cell[] {
  return cells.filter(({ row, attack }) => row === name && attacks.includes(attack))
}

const BEST_FIRST = [MARKS['not applicable'], MARKS.held, MARKS['not run'], MARKS.broken, ALARM]

/** The worst mark of several attacks on one engine; "not run" where there are none, because nothing is known then. */
function markOfAll(cells: readonly Cell[]): string {
  const marks = cells.map(markOf)
  return BEST_FIRST.findLast((mark) => marks.includes(mark)) ?? MARKS['not run']
}

const escaped = (text: string) => text.replaceAll('|', '\\|')

function piped(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const rows = [head, head.map(() => '---'), ...lines]
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
