import { BarChart } from 'echarts/charts'
import { GridComponent, LegendComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { number } from './numbers.ts'

use([BarChart, GridComponent, LegendComponent, SVGRenderer])

/** Bars in groups: one group for each category, one bar of it for each series. */
export interface Chart {
  /** What it shows, for those who cannot see it. */
  readonly title: string
  readonly unit: string
  readonly categories: readonly string[]
  readonly series: readonly Series[]
}

export interface Series {
  readonly name: string
  /** One for each category; null where nothing was measured. */
  readonly values: readonly (number | null)[]
}

/**
 * The page may be white or black, and a picture cannot know: GitHub's theme is not the browser's. So there is no background,
 * and the text has the grey with the same contrast to both, which is 4.3 to 1.
 */
const INK = '#7a7a7a'
const COLORS = ['#3b82c4', '#c77700', '#2e9e6b', '#a561c9']
const [WIDTH, BAR, GAP, AROUND] = [800, 15, 14, 76]
/** At most, in the fonts that browsers take for sans-serif. Nothing here can measure a text. */
const CHARACTER = 7.2

export function toSvg({ title, unit, categories, series }: Chart): string {
  const height = categories.length * (series.length * BAR + GAP) + AROUND
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height })
  const left = Math.max(...categories.map((name) => name.length)) * CHARACTER + 16
  const ink = { color: INK }
  chart.setOption({
    animation: false,
    color: COLORS,
    legend: { left: 0, top: 0, textStyle: ink, icon: 'rect', itemWidth: 14, itemHeight: 10, itemGap: 24 },
    grid: { left, right: 64, top: 32, bottom: 44, outerBoundsMode: 'none' },
    xAxis: {
      type: 'value',
      name: unit,
      nameLocation: 'middle',
      nameGap: 26,
      nameTextStyle: ink,
      axisLabel: ink,
      splitLine: { lineStyle: { ...ink, opacity: 0.25 } },
    },
    yAxis: {
      type: 'category',
      inverse: true,
      data: [...categories],
      axisLabel: ink,
      axisTick: { show: false },
      axisLine: { lineStyle: ink },
    },
    series: series.map(({ name, values }) => ({
      type: 'bar',
      name,
      data: [...values],
      barWidth: BAR - 2,
      barGap: '10%',
      label: { show: true, position: 'right', ...ink, formatter: labelOf },
    })),
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return withTitle(still(svg), title)
}

const labelOf = ({ value }: { value: unknown }) => (typeof value === 'number' ? number(value) : '')

/** Without what is for a mouse and for scripts, whose names the library counts up from one chart of a process to the next. */
const still = (svg: string) =>
  svg.replace(/<style[\s\S]*?<\/style>\n?/g, '').replace(/ (?:class="zr|ecmeta_\w+="|pointer-events=")[^"]*"/g, '')

const withTitle = (svg: string, title: string) =>
  svg.replace(/<svg [^>]*>/, (open) => `${open.replace('<svg ', '<svg role="img" ')}\n<title>${escaped(title)}</title>`)

const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;')
