import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { Figure } from '../../bench/figures.ts'
import { type Chart, toSvg } from '../../bench/report/chart.ts'
import { pageOf } from '../../bench/report/page.ts'
import { fromJsonLines, merge, type Recording, toJsonLines } from '../../bench/report/record.ts'
import { root } from '../../scripts/packages.ts'

const read = (file: string) => readFileSync(join(root, file), 'utf8')
const document = read('docs/benchmarks.md')
const recording = fromJsonLines(read('docs/benchmarks.jsonl'))
const { text, pictures } = pageOf(document, recording)
const AGAIN = 'make it again: npm run bench -- --only none --with docs/benchmarks.jsonl --markdown'

suite('docs/benchmarks.md', () => {
  test('the tables are those of the recorded figures', () => assert.equal(document, text, AGAIN))

  test('every picture that the page names exists, and was made from the recorded figures', () => {
    const named = [...document.matchAll(/\]\(images\/([\w-]+\.svg)\)/g)].map(([, name = '']) => name)
    assert.deepEqual(named.toSorted(), [...pictures.keys()].toSorted())
    for (const [name, svg] of pictures) assert.equal(read(`docs/images/${name}`), svg, `${name}: ${AGAIN}`)
  })

  test('no picture is left from another run', () => {
    const files = globSync('bench-*.svg', { cwd: join(root, 'docs/images') })
    assert.deepEqual(files.toSorted(), [...pictures.keys()].toSorted())
  })

  test('a question without a place on the page is an error, and so is a place without a question', () => {
    assert.throws(() => pageOf('', recording), /has no place for "added"/)
    const unknown = '<!-- figures: weather -->\n<!-- figures end -->'
    assert.throws(() => pageOf(`${document}${unknown}`, recording), /Nothing is called "weather"/)
  })

  test('a question about which nothing was recorded has no picture', () => {
    const empty = pageOf(document, { runs: [], figures: [] })
    assert.equal(empty.pictures.size, 0)
    assert.match(empty.text, /\*Not measured in the recorded runs\.\*/)
  })
})

test('figures are the same after they were written into a file and read from it', () => {
  assert.deepEqual(fromJsonLines(toJsonLines(recording)), recording)
  const precise: Figure = {
    bench: 'counting',
    contender: 'strongroom memory none',
    route: 'read over HTTP',
    value: 0.5,
    unit: 'µs',
    ratioToLimit: null,
    interval: [0.25, 0.75],
  }
  assert.deepEqual(fromJsonLines(toJsonLines({ runs: [], figures: [precise] })).figures, [precise])
})

suite('figures that are measured again', () => {
  const run = (about: string, route: string, value: number, parts = ['http', 'size'] as const): Recording => ({
    runs: [{ about, parts }],
    figures: parts.map((bench) => ({ bench, contender: 'one', route, value, unit: 'µs', ratioToLimit: null })),
  })
  const older = run('older', 'read', 1)
  const values = ({ figures }: Recording) => figures.map(({ bench, route, value }) => `${bench} ${route} ${value}`)

  test('take the place of the older ones, and others are added', () => {
    assert.deepEqual(values(merge(older, run('newer', 'read', 2), [])), ['http read 2', 'size read 2'])
    const both = merge(older, run('newer', 'write', 2), [])
    assert.deepEqual(values(both), ['http read 1', 'size read 1', 'http write 2', 'size write 2'])
    assert.deepEqual(
      both.runs.map(({ about }) => about),
      ['older', 'newer'],
    )
  })

  test('leave nothing older of a part that was measured completely, nor the run of which nothing is left', () => {
    const newer = { ...run('newer', 'write', 2), figures: run('newer', 'write', 2).figures.slice(0, 1) }
    const merged = merge(older, newer, ['http'])
    assert.deepEqual(values(merged), ['size read 1', 'http write 2'])
    assert.deepEqual(merged.runs[0], { about: 'older', parts: ['size'] })
    const again = merge(older, newer, ['http', 'size'])
    assert.deepEqual(again.runs, newer.runs)
  })
})

suite('a picture', () => {
  const chart: Chart = {
    title: 'How <fast> it is',
    unit: 'µs',
    categories: ['one', 'another'],
    series: [
      { name: 'read', values: [1, 2] },
      { name: 'write', values: [3, null] },
    ],
  }

  test('is the same whichever chart of the process it is', () => assert.equal(toSvg(chart), toSvg(chart)))

  test('has a title for those who cannot see it', () => {
    assert.match(toSvg(chart), /^<svg role="img" [^>]*>\n<title>How &lt;fast> it is<\/title>/)
  })

  test('shows every value that was measured, and none that was not', () => {
    const shown = [...toSvg(chart).matchAll(/>(\d\.\d\d)<\/text>/g)].map(([, value]) => value)
    assert.deepEqual(shown.toSorted(), ['1.00', '2.00', '3.00'])
  })

  test('can be read on a white page and on a black one', () => {
    const inks = new Set([...toSvg(chart).matchAll(/<text [^>]*fill="(#\w+)"/g)].map(([, color = '']) => color))
    assert.ok(inks.size > 0)
    for (const ink of inks)
      for (const page of ['#ffffff', '#0d1117']) assert.ok(contrast(ink, page) > 4.2, `${ink} on ${page}`)
    assert.doesNotMatch(toSvg(chart), /<rect [^>]*fill="(?!none)/)
  })
})

/** As WCAG 2 defines it. */
function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].toSorted((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}

function luminance(color: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
