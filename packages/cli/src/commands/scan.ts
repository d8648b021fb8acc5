import { type Command, Option } from 'commander'
import { EXIT, Failure } from '../failure.ts'
import { number } from '../format.ts'
import { locate } from '../locate.ts'
import { withExamples } from '../options.ts'
import { json, line, oneLine, redact } from '../output.ts'
import { type Finding, type Kind, type Readable, type Report, scanFile, type Traces } from '../scan/scan.ts'

/** Which rows make a scan fail: those that are readable as they are, those also that the server's key opens, or all. */
const FAIL_ON = ['readable', 'keyed', 'any'] as const
type FailOn = (typeof FAIL_ON)[number]

const COUNTED: Readonly<Record<FailOn, readonly Readable[]>> = {
  readable: ['yes'],
  keyed: ['yes', 'with-key'],
  any: ['yes', 'with-key', 'no'],
}

interface Options {
  readonly failOn: FailOn
  readonly json?: true
}

export function scan(program: Command): void {
  const command = program
    .command('scan')
    .argument('<file...>', 'dumps, database files, or gzip or zstd of them; - is standard input')
    .summary('report whether dumps contain readable sessions')
    .description(
      'Reads dumps of pg_dump, mysqldump and mariadb-dump, binary logs and the output of mysqlbinlog, files of SQLite and Redis, tar archives, and gzip or zstd of these. Reports which contain session rows, of Strongroom or of Django, how many, and whether anyone who has the file can read them. A file that cannot be read whole is searched byte by byte, and never counts as free of sessions. Prints no row.',
    )
    .addOption(
      new Option('--fail-on <rows>', 'end with code 4 if there are session rows of this kind')
        .choices(FAIL_ON)
        .default('readable'),
    )
    .option('--json', 'one JSON value on stdout, for programs')
    .action(run)
  withExamples(command, 'strongroom scan backup.sql.gz', 'pg_dump app | strongroom scan -')
}

async function run(files: string[], options: Options): Promise<void> {
  const pgRestore = locate('pg_restore')
  const reports: Report[] = []
  for (const file of files) {
    const { problem, ...report } = await scanFile(file, { pgRestore })
    reports.push({ ...report, problem: problem && redact(oneLine(problem)) })
    if (!options.json) for (const text of sentencesFor(reports.at(-1) as Report)) line(oneLine(text))
  }
  if (options.json)
    json(
      reports.map(({ file, format, findings, problem, traces }, at) => ({
        file,
        format,
        answer: answerOf(reports[at] as Report),
        problem,
        sessions: findings,
        traces,
      })),
    )
  const counted = (readable: Readable | null) => readable !== null && COUNTED[options.failOn].includes(readable)
  const unread = reports.filter(({ problem }) => problem !== null)
  const rest = unread.length === 0 ? '' : ` ${unread.length} of ${files.length} could not be read whole.`
  if (reports.some(({ findings }) => findings.some(({ readable }) => counted(readable))))
    throw new Failure(EXIT.readable, `${FAILURES[options.failOn]}${rest}`)
  // A file that is not there was not even searched.
  if (unread.some(({ traces }) => traces === null)) throw new Failure(EXIT.failed, rest.trim())
  if (unread.length > 0) throw new Failure(EXIT.unread, rest.trim())
}

/** What a scan says about a file. Only `none` says that there are no sessions in it. */
function answerOf({ findings, problem }: Report): 'none' | 'found' | 'not read whole' {
  if (problem !== null) return 'not read whole'
  return findings.some(({ rows }) => rows > 0) ? 'found' : 'none'
}

const FAILURES: Readonly<Record<FailOn, string>> = {
  readable: 'There are session rows that anyone can read.',
  keyed: "There are session rows that anyone can read, or anyone who has the server's key.",
  any: 'There are session rows.',
}

const SEALS: Readonly<Record<Kind, string>> = {
  'two-key': "sealed with two keys: unreadable without the visitors' cookies",
  'server-key': "sealed with one key: readable by anyone who has the server's key",
  none: 'not sealed: readable as is',
  unknown: 'in an unknown format: treat them as readable',
  django: 'of Django: readable as is, and each key is a cookie that signs its user in',
}

/** What there is to say about a file, a line for each finding. */
function* sentencesFor(report: Report): Generator<string> {
  const { file, format, findings, problem, traces } = report
  const name = `${file}${format === null ? '' : ` (${format})`}`
  if (answerOf(report) === 'none') yield `${name}: read whole, no session rows.`
  for (const finding of findings) yield `${name}: ${describe(finding)}.`
  if (problem === null) return
  yield `${name}: NOT READ WHOLE: ${problem}${/[.?]$/.test(problem) ? '' : '.'}`
  if (traces !== null) yield `${name}: ${describeTraces(traces)}.`
}

function describeTraces({ strongroom, django, cookies }: Traces): string {
  const found = [
    [strongroom, 'of Strongroom'],
    [django, 'of Django'],
    [cookies, cookies === 1 ? 'cookie' : 'cookies'],
  ] as const
  const parts = found.filter(([count]) => count > 0).map(([count, what]) => `${number(count)} ${what}`)
  if (parts.length === 0)
    return 'its raw bytes were searched and nothing like a session was found, which proves nothing'
  return `its raw bytes were searched and hold what looks like sessions: at least ${parts.join(', ')}`
}

function describe({ table, kind, rows }: Finding): string {
  if (kind === null) return `the table ${table} is there, and empty`
  const count = `${number(rows)} session ${rows === 1 ? 'row' : 'rows'}`
  return `${count}${table === null ? '' : ` in ${table}`}, ${SEALS[kind]}`
}
