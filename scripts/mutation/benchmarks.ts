import { type Mutation, on } from './mutation.ts'

const figures = on('test/bench/figures.test.ts', 'bench/http/figures.ts')
const load = (file: string) => on('test/bench/load.test.ts', `bench/http/${file}`)
const counting = (file: string) => on('test/bench/counting.test.ts', `bench/counting/${file}.ts`)
const page = (file: string) => on('test/bench/page.test.ts', `bench/report/${file}.ts`)

/** Mistakes after which a benchmark would measure something else, or say something else about it. */
export const benchmarkMutations: readonly Mutation[] = [
  figures('a ratio that is upside down', 'one.cost / their.cost', 'their.cost / one.cost'),
  figures('a cost of a session with the application in it', 'one.cost - none.cost', 'one.cost - 0 * none.cost'),
  figures('disturbed slices that nobody hears of', 'disturbed > 0 && { disturbed }', 'disturbed > 1 && { disturbed }'),
  load('requests.lua')(
    'cookies that are forgotten at the end of a slice',
    'if thread:get("changed") then',
    'if false then',
  ),
  load('requests.lua')('the first of two cookies with a new tag', 'cookies[index + 1]:find("; ", 1, true)', 'false'),
  load('load.ts')('visitors who lost their session', 'strangers > 0 &&', 'strangers < 0 &&'),
  load('load.ts')('failed requests that count', 'if (errors > 0)', 'if (errors < 0)'),
  load('foreign.ts')('time of the hypervisor that does not count', '(others + after.stolen - before.stolen)', 'others'),
  load('foreign.ts')("the server's own time as foreign", 'after.busy - before.busy - own', 'after.busy - before.busy'),
  load('load.ts')('the last of three disturbed slices', '!best || measured.foreign < best.foreign', 'measured'),
  load('load.ts')('a disturbed slice that is not measured again', 'QUIET = 0.08', 'QUIET = 0.8'),
  load('usage.ts')('garbage that was never allocated', '({ afterGC }) => afterGC.', '({ beforeGC }) => beforeGC.'),
  counting('figures')(
    'a cost of figures that is upside down',
    'pair.with - pair.without)',
    'pair.without - pair.with)',
  ),
  counting('figures')('figures that counted nothing, and cost nothing', 'counted < requests', 'counted < 0'),
  counting('figures')('the lower of the two that figures may cost', 'Math.max(4,', 'Math.min(4,'),
  counting('interval')('an interval that does not shrink with more starts', 'variance / count)', 'variance)'),
  counting('interval')('an interval for a single start', 'count < 2', 'count < 1'),
  counting('order')('slices that always have the same order', 'turn % 2 === 0', 'turn % 2 < 2'),
  counting('table')('a bar that is passed by what is not precise', 'more.interval?.[1] ?? null', 'more.value'),
  page('record')('intervals that are lost in a file', 'interval?.map(rounded)', 'undefined'),
  page('chart')('pictures that depend on those before', 'withTitle(still(svg), title)', 'withTitle(svg, title)'),
  page('chart')('text that cannot be read on a white page', "const INK = '#7a7a7a'", "const INK = '#cccccc'"),
  page('record')('ratios that are lost in a file', 'rounded(ratioToLimit)', 'undefined'),
  page('record')('runs of which no figure is left', 'parts.length > 0', 'parts.length >= 0'),
  on('test/bench/figures.test.ts', 'bench/report/slower.ts')(
    'a slow engine that takes little processor time',
    'cost > SLOWER || rate < 1 / SLOWER',
    'cost > SLOWER',
  ),
  on('test/bench/figures.test.ts', 'bench/report/bars.ts')(
    'a bar that is missed by those who reach it',
    'value <= bound',
    'value < bound',
  ),
]
