import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { findConfig, type StoreOptions, withSessionsAt } from '../config.ts'
import { EXIT, Failure, misuse } from '../failure.ts'
import type { Attack } from '../lab/attack.ts'
import { ATTACKS } from '../lab/attacks/index.ts'
import { removeLeftovers } from '../lab/leftovers.ts'
import { countsOf, isBrokenPromise, LEGEND, markOf, matrixOf } from '../lab/matrix.ts'
import { harmless, ownRow } from '../lab/own.ts'
import type { Cell, Report } from '../lab/report.ts'
import { allRows } from '../lab/rows.ts'
import { runLab } from '../lab/run.ts'
import type { Row } from '../lab/site.ts'
import { withExamples } from '../options.ts'
import { isTerminal, json, line, oneLine, table } from '../output.ts'
import { stopOnSignal } from '../signals.ts'

interface Options extends Pick<StoreOptions, 'env'> {
  readonly engine?: readonly string[]
  readonly attack?: readonly string[]
  readonly peers?: true
  readonly thorough?: true
  readonly config?: string | true
  readonly list?: true
  readonly json?: true
}

export function lab(program: Command): void {
  const command = program
    .command('lab')
    .summary('attack every engine, and show what holds')
    .description(
      'Runs attacks on every engine and seal, on private servers with throw-away data, and prints which of them failed. Each cell has evidence: what the attacker saw. An engine whose server is not installed is marked, with the line that installs it. Ends with code 1 if an attack succeeded that the documents promise to fail, or failed to run to its end. With --config, it runs the attacks that do no harm against the sessions of a configuration: with users and sessions of its own, which it ends.',
    )
    .option('--engine <names...>', 'only these rows, by their names or engines, such as sqlite or "cookie, signed"')
    .option('--attack <names...>', 'only these attacks, by their names')
    .option('--peers', 'other libraries too, where they are installed: express-session, iron-session, Django …')
    .option('--thorough', 'more of everything, such as a million made-up tokens: takes a quarter of an hour and longer')
    .addOption(
      new Option(
        '--config [file]',
        'attack the sessions of this module (default: strongroom.config.* in this folder)',
      ).conflicts(['engine', 'peers', 'thorough']),
    )
    .option('--env <file>', 'environment file for --config (default: .env beside it)')
    .option('--list', 'print the names of all rows and attacks, and run nothing')
    .option('--json', 'one JSON value on stdout, for programs')
    .action(run)
  withExamples(
    command,
    'strongroom lab',
    'strongroom lab --engine sqlite postgres --json',
    'strongroom lab --attack read-a-backup replay-after-logout --peers',
    'strongroom lab --config',
  )
}

async function run(options: Options): Promise<void> {
  if (options.env !== undefined && options.config === undefined) throw misuse('--env is for --config.')
  const attacks = chosenAttacks(options.attack)
  if (options.list) return printNames(attacks, chosenRows(options))
  if (options.config === undefined) return show(await attackRows(chosenRows(options), attacks, options), options)
  const given = {
    ...(options.config !== true && { config: options.config }),
    ...(options.env !== undefined && { env: options.env }),
  }
  const name = basename(findConfig(given) ?? '')
  await withSessionsAt(null, { ...given, needs: [] }, async (sessions) =>
    show(await attackRows([ownRow(sessions, name)], harmless(attacks), options), options),
  )
}

function chosenRows({ engine, peers }: Options): Row[] {
  const rows = allRows()
  if (engine === undefined) return peers ? rows : rows.filter(({ family }) => family === 'strongroom')
  const unknown = engine.filter((name) => !rows.some((row) => matches(row, name)))
  if (unknown.length > 0) throw misuse(`No engine is called ${quoted(unknown)}. Known: ${namesOf(rows)}.`)
  return rows.filter((row) => engine.some((name) => matches(row, name)) && (peers || isAsked(row, engine)))
}

const matches = ({ name, engine }: Row, given: string) => name === given || engine === given

/** "redis" means our redis, not that of every library which happens to be installed; those are named in full. */
const isAsked = ({ family, name }: Row, engine: readonly string[]) => family === 'strongroom' || engine.includes(name)

function chosenAttacks(names: readonly string[] | undefined): Attack[] {
  if (names === undefined) return [...ATTACKS]
  const unknown = names.filter((name) => !ATTACKS.some((attack) => attack.name === name))
  if (unknown.length > 0) throw misuse(`No attack is called ${quoted(unknown)}. Known: ${namesOf(ATTACKS)}.`)
  return ATTACKS.filter(({ name }) => names.includes(name))
}

const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`).join(' or ')
const namesOf = (all: readonly { readonly name: string }[]) =>
  all.map(({ name }) => (/[, ]/.test(name) ? `"${name}"` : name)).join(', ')

function printNames(attacks: readonly Attack[], rows: readonly Row[]): void {
  table(
    ['ENGINE', 'SEAL'],
    rows.map(({ name, seal }) => [name, seal ?? '']),
  )
  line()
  table(
    ['ATTACK', 'PROPERTY'],
    attacks.map(({ name, property }) => [name, property]),
  )
}

interface Ran {
  readonly report: Report
  readonly interrupted: boolean
}

async function attackRows(rows: readonly Row[], attacks: readonly Attack[], options: Options): Promise<Ran> {
  if (rows.length === 0) throw misuse('No engine was chosen.')
  if (attacks.length === 0) throw misuse('None of these attacks is harmless, so none of them runs with --config.')
  const signal = stopOnSignal()
  removeLeftovers()
  const total = rows.length * attacks.length
  let done = 0
  const report = await runLab({
    ...{ rows, attacks, signal, thorough: options.thorough === true },
    onCell: ({ row }) => progress(++done, total, row),
  })
  progress(total, total, '')
  return { report, interrupted: signal.aborted }
}

/** On stderr, for a person who waits. */
function progress(done: number, total: number, row: string): void {
  if (!process.stderr.isTTY || !isTerminal()) return
  process.stderr.write(done === total ? '\r\x1b[K' : `\r\x1b[K${done} of ${total}: ${row}`)
}

async function show({ report, interrupted }: Ran, options: Options): Promise<void> {
  if (options.json) json(report)
  else print(report)
  if (!options.json && options.config !== undefined) printUnpromised(report)
  if (interrupted) throw new Failure(EXIT.interrupted, 'Interrupted. What was found until then is above.')
  const broken = report.cells.filter(isBrokenPromise)
  if (broken.length > 0)
    throw new Failure(
      EXIT.failed,
      `${broken.length} ${broken.length === 1 ? 'attack' : 'attacks'} succeeded that the documents promise to fail.`,
    )
  const failed = report.cells.filter((cell) => cell.failed && cell.promised)
  if (failed.length > 0)
    throw new Failure(
      EXIT.failed,
      `${failed.length} ${failed.length === 1 ? 'attack' : 'attacks'} did not run to the end, so nobody knows whether they would have failed.`,
    )
  const idle = options.engine ? report.rows.filter(({ name }) => ranNothing(report, name)) : []
  if (idle.length > 0)
    throw new Failure(
      EXIT.failed,
      `Nothing was run on ${idle.map(({ name }) => name).join('; ')}, which --engine names.`,
    )
}

const ranNothing = ({ cells }: Report, row: string) =>
  cells.every((cell) => cell.row !== row || cell.verdict === 'not run')

const WIDTH = 80

function print(report: Report): void {
  const { rows, cells } = report
  if (rows.length === 1) printOne(report)
  else printMatrix(report)
  line()
  line(LEGEND)
  for (const text of missing(cells)) line(oneLine(text))
  for (const cell of cells.filter((each) => isBrokenPromise(each) || each.failed)) printCell(report, cell)
  line()
  line(`${countsOf(report)}.`)
}

function printMatrix(report: Report): void {
  const { tables, letters } = matrixOf(report, process.stdout.columns ?? WIDTH)
  for (const { head, rows } of tables) {
    table(head, rows)
    line()
  }
  table(
    ['', 'ENGINE', 'VERSION'],
    report.rows.map(({ name, version }, at) => [letters[at] ?? '', name, version ?? 'not run']),
  )
}

/** One engine: what was found by each attack, in a sentence. */
function printOne({ rows: [row], attacks, cells }: Report): void {
  line(`${row?.name} (${row?.version ?? 'no server was started'})`)
  line()
  const of = (name: string) => cells.find(({ attack }) => attack === name) as Cell
  for (const { name, title } of attacks) {
    line(`${markOf(of(name))} ${title} (${name})`)
    line(`  ${oneLine(of(name).summary)}`)
  }
}

/**
 * A store says of itself what it can do, and what it does not claim fails no run. That must not look as if nothing had been found: a
 * store that ends no session is told from one that does by nothing else.
 */
function printUnpromised({ attacks, cells, rows }: Report): void {
  const titles = (found: readonly Cell[]) =>
    found.map((cell) => attacks.find(({ name }) => name === cell.attack)?.title ?? cell.attack).join('; ')
  const succeeded = cells.filter((cell) => cell.verdict === 'broken' && !cell.promised)
  const untested = cells.filter((cell) => cell.verdict === 'not applicable' && cell.promised)
  if (succeeded.length > 0) {
    const because = rows[0]?.traits?.revocable === false ? ' (its traits say revocable: false)' : ''
    const what = `${succeeded.length} ${succeeded.length === 1 ? 'attack' : 'attacks'} succeeded where this store promises nothing${because}, which the exit code does not show`
    line(oneLine(`${what}: ${titles(succeeded)}.`))
  }
  if (untested.length > 0)
    line(
      oneLine(
        `${untested.length} ${untested.length === 1 ? 'promise' : 'promises'} of such an engine could not be tested, because this store lacks what is attacked: ${titles(untested)}.`,
      ),
    )
}

/** What is missing on this machine, once for all cells that say so. */
function missing(cells: readonly Cell[]): string[] {
  const reasons = new Map<string, Set<string>>()
  for (const { verdict, failed, summary, row } of cells)
    if (verdict === 'not run' && !failed) reasons.set(summary, (reasons.get(summary) ?? new Set()).add(row))
  return [...reasons].map(([summary, names]) => `? ${[...names].join('; ')}: ${summary}`)
}

function printCell({ attacks }: Report, cell: Cell): void {
  const title = attacks.find(({ name }) => name === cell.attack)?.title ?? cell.attack
  line()
  line(oneLine(`${title}, on ${cell.row}: ${cell.summary}`))
  for (const { what, value } of cell.evidence) line(oneLine(`  ${what}: ${value}`))
}
