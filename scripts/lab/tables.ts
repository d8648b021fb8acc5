import type { Cell, Report, RowInfo } from '@strongroom/cli/lab'

const SECTION = /(<!-- lab: ([\w-]+) -->\n)[\s\S]*?(<!-- lab end -->)/g

/** The pages that show a recorded run, and the tables that each must have. */
export const PAGES: Readonly<Record<string, readonly string[]>> = {
  'README.md': ['engines'],
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

const markOf = ({ verdict, promised }: Cell) => (verdict === 'broken' && promised ? '**!**' : MARKS[verdict])

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

/** The engines under their default seals, those with the same result in one line; docs/security.md has all. */
function enginesTable(report: Report): string {
  const cells = new Map(report.cells.map((cell) => [`${cell.row}\n${cell.attack}`, cell]))
  const rows = report.rows.filter(({ family, name }) => family === 'strongroom' && !/\bseal\b/.test(name))
  const groups = new Map<string, string[]>()
  for (const row of rows) {
    const marks = CHOSEN.map(([, attack]) => {
      const cell = cells.get(`${row.name}\n${attack}`)
      return cell ? markOf(cell) : '?'
    })
    const key = [...marks, SHARED[row.traits?.shared ?? ''] ?? ''].join(' | ')
    groups.set(key, [...(groups.get(key) ?? []), `[\`${row.name}\`](docs/${pageOf(row)}.md)`])
  }
  const lines = [...groups].map(([key, names]) => [names.join(', '), ...key.split(' | ')])
  return piped(['engine', ...CHOSEN.map(([title]) => title), 'shared by'], lines)
}

const escaped = (text: string) => text.replaceAll('|', '\\|')

function piped(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const rows = [head, head.map(() => '---'), ...lines]
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
