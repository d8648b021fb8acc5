import { type Command, Option } from 'commander'
import { EXIT, Failure } from '../failure.ts'
import { withExamples } from '../options.ts'
import { json, line, oneLine } from '../output.ts'
import { type Report, readFile } from '../scan/read.ts'
import { isReadable, LIMITS, type Limit, wordsFor } from '../scan/words.ts'

interface Options {
  readonly failOn: Limit
  readonly json?: true
}

export function scan(program: Command): void {
  const command = program
    .command('scan')
    .argument('<file...>', 'dumps, database files, or gzip of them; - is standard input')
    .summary('say whether dumps hold sessions that can be read')
    .description(
      'Reads dumps of pg_dump (plain and custom), mysqldump and mariadb-dump, SQLite files, and gzip or zstd of these. Says which hold session rows, of Strongroom or of Django, how many, and whether whoever has the file can read them. Prints no row.',
    )
    .addOption(
      new Option('--fail-on <rows>', 'end with code 4 when there are rows that are so')
        .choices(LIMITS)
        .default('readable'),
    )
    .option('--json', 'one JSON value on stdout, for programs')
    .action(run)
  withExamples(command, 'strongroom scan backup.sql.gz', 'pg_dump app | strongroom scan -')
}

async function run(files: string[], options: Options): Promise<void> {
  const reports: Report[] = []
  for (const file of files) {
    const report = await readFile(file)
    reports.push(report)
    if (!options.json) for (const text of wordsFor(report)) line(oneLine(text))
  }
  if (options.json) json(reports.map(answerOf))
  if (reports.some(({ found }) => found.some(({ kind }) => isReadable(kind, options.failOn))))
    throw new Failure(EXIT.readable, FAILURES[options.failOn])
  const unread = reports.filter(({ problem }) => problem !== null).length
  if (unread > 0) throw new Failure(EXIT.failed, `${unread} of ${files.length} could not be read to the end.`)
}

const FAILURES: Readonly<Record<Limit, string>> = {
  readable: 'There are session rows that can be read.',
  keyed: "There are session rows that can be read, as they are or with the server's key.",
  any: 'There are session rows.',
}

function answerOf({ file, format, found, problem }: Report) {
  const tables = found.map(({ table, kind, rows }) => ({
    table,
    kind,
    rows,
    readable:
      kind === null ? null : isReadable(kind, 'readable') ? 'yes' : isReadable(kind, 'keyed') ? 'with-key' : 'no',
  }))
  return { file, format, problem, sessions: tables }
}
