import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import { measureCounting } from './counting.ts'
import type { Bench, Figure } from './figures.ts'
import { ROUTES, type Route } from './http/contender.ts'
import { wrk, wrkMissing } from './http/load.ts'
import { measureHttp } from './http/run.ts'
import { measureMemory } from './memory.ts'
import { measureMicro } from './micro/run.ts'
import { measureOwners } from './owners.ts'
import { barsOf, passes } from './report/bars.ts'
import { fromJsonLines, merge, type Recording, toJsonLines, toJsonLinesWithBars } from './report/record.ts'
import { tablesOf } from './report/tables.ts'
import { circumstances, toDocs, toTerminal } from './report/write.ts'
import { measureScale } from './scale.ts'
import { measureSize } from './size.ts'
import { measureStorage } from './storage.ts'
import { measureSweep } from './sweep.ts'
import { measureTrips } from './trips.ts'

interface Options {
  readonly quick?: boolean
  readonly only?: Bench[]
  readonly rounds?: number
  readonly seconds?: number
  readonly sessions: number
  readonly million?: number
  readonly contenders?: RegExp
  readonly routes: Route[]
  readonly with?: string[]
  readonly json?: boolean
  readonly markdown?: boolean
  readonly strict?: boolean
}

const PARTS = ['http', 'micro', 'memory', 'counting', 'scale', 'trips', 'size', 'sweep', 'storage'] as const

const whole = (text: string) => {
  if (/^[1-9]\d*$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Give a whole number, at least 1.')
}
const positive = (text: string) => {
  if (Number(text) > 0) return Number(text)
  throw new InvalidArgumentError('Give a number above 0.')
}
const parts = (text: string) => {
  if (text === 'none') return []
  const named = text.split(',') as Bench[]
  if (named.every((part) => PARTS.includes(part))) return named
  throw new InvalidArgumentError(`Give one or several of these, separated by commas, or none: ${PARTS.join(', ')}.`)
}

const routes = (text: string) => {
  const named = text.split(',') as Route[]
  if (named.every((route) => ROUTES.includes(route))) return named
  throw new InvalidArgumentError(`Give one or several of these, separated by commas: ${ROUTES.join(', ')}.`)
}

const options = new Command('npm run bench --')
  .description(
    'Compares Strongroom with other session libraries, and with the fastest that is possible. See docs/benchmarks.md.',
  )
  .option('--quick', 'one short round of everything: shows that it runs, with unreliable figures')
  .option('--only <parts>', `which parts, separated by commas, or none: ${PARTS.join(', ')}`, parts)
  .option('--rounds <n>', 'rounds of http (default: 2), micro (default: 3) and counting (default: 6)', whole)
  .option('--seconds <n>', 'seconds of each slice over HTTP (default: 0.5, counting: 0.3)', positive)
  .option('--sessions <n>', 'visitors of each server', whole, 1000)
  .option(
    '--million <n>',
    'so many million sessions in Redis and in Postgres, too, for scale: ten take half an hour',
    whole,
  )
  .option('--contenders <pattern>', 'only contenders whose names match, and their limits', (text) => new RegExp(text))
  .option('--routes <routes>', 'which routes, separated by commas', routes, [...ROUTES])
  .option('--with <files...>', 'also show the figures in these files, written by earlier runs with --json')
  .option('--json', 'print one line of JSON for each figure and each bar')
  .option('--markdown', 'write the figures, tables and pictures of docs/benchmarks.md')
  .option('--strict', 'exit with code 1 if a bar is missed')
  .parse()
  .opts<Options>()

const SMALL = { few: 1000, many: { memory: 10_000, sqlite: 10_000, file: 5000 }, onServers: [1000, 10_000] }
/** A million files take most of an hour to make, so there are fewer of them. */
const LARGE = {
  few: 10_000,
  many: { memory: 1_000_000, sqlite: 1_000_000, file: 200_000 },
  onServers: [10_000, 1_000_000],
}

/** Rows of the tables that are swept. */
const [FEW_ROWS, MANY_ROWS] = [20_000, 1_000_000]

const say = (line: string) => process.stderr.write(`${line}\n`)

async function measure({ quick = false, only = [...PARTS], million, ...given }: Options): Promise<Figure[]> {
  const figures: Figure[] = []
  if (only.includes('http') && !wrk) say(wrkMissing)
  else if (only.includes('http')) {
    const { rounds = quick ? 1 : 2, seconds = 0.5 } = given
    figures.push(...(await measureHttp({ ...given, rounds, turns: quick ? 1 : 4, seconds, say })))
  }
  if (only.includes('micro')) {
    const { rounds = quick ? 1 : 3 } = given
    figures.push(...(await measureMicro({ rounds, seconds: quick ? 0.02 : 0.2, say })))
  }
  if (only.includes('counting')) {
    const { rounds = quick ? 1 : 6, seconds = 0.3 } = given
    figures.push(...(await measureCounting({ ...given, rounds, turns: quick ? 1 : 8, seconds, say })))
  }
  if (only.includes('trips')) figures.push(...(await measureTrips({ ...given, say })))
  if (only.includes('size')) figures.push(...(await measureSize({ ...given, sessions: quick ? 1000 : 10_000, say })))
  if (only.includes('sweep')) figures.push(...(await measureSweep({ rows: quick ? FEW_ROWS : MANY_ROWS, say })))
  if (only.includes('storage'))
    figures.push(
      ...(await measureStorage({ ...(quick ? { few: 500, many: 1000 } : { few: 20_000, many: 100_000 }), say })),
    )
  if (only.includes('memory'))
    figures.push(...(await measureMemory({ counts: quick ? [10_000] : [10_000, 100_000], say })))
  if (only.includes('scale')) {
    const { onServers, ...here } = quick ? SMALL : LARGE
    const most = million === undefined ? [] : [million * 1_000_000]
    figures.push(...(await measureScale({ ...here, onServers: [...new Set([...onServers, ...most])], say })))
    figures.push(...(await measureOwners({ few: 3, many: quick ? 300 : 30_000, say })))
  }
  return figures
}

const fresh = await measure(options)
const recording = record(fresh)
const bars = barsOf(recording.figures)
if (options.markdown) toDocs(recording)
if (options.json) process.stdout.write(toJsonLinesWithBars(recording, bars))
else
  console.log(
    `${recording.runs.map(({ about }) => about).join('\n')}\n\n${toTerminal(tablesOf(recording.figures, bars))}`,
  )
if (options.strict && bars.some((bar) => passes(bar) === false)) process.exitCode = 1

/** What earlier runs recorded and this one measured, rounded as in a file, so that the page can be made again from that. */
function record(figures: readonly Figure[]): Recording {
  const parts = [...new Set(figures.map(({ bench }) => bench))]
  const about = circumstances(`npm run bench -- ${process.argv.slice(2).join(' ')}`.trim())
  const fresh = { runs: parts.length > 0 ? [{ about, parts }] : [], figures }
  const isPartial = options.quick || options.contenders || options.routes.length < ROUTES.length
  const recordings = (options.with ?? []).map((file) => fromJsonLines(readFileSync(file, 'utf8')))
  const earlier = recordings.reduce((older, newer) => merge(older, newer, []), { runs: [], figures: [] })
  return fromJsonLines(toJsonLines(merge(earlier, fresh, isPartial ? [] : parts)))
}
