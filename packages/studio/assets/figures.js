/* Draws the charts of the page from figures.json, and keeps them up to date while somebody looks. Without it, the tables are there. */
{
  const EVERY = 5000
  /** So that lines are told apart without their colours. */
  const DASHES = [[], [7, 4], [2, 3], [10, 4, 2, 4], [1, 5], [14, 5]]
  const charts = document.querySelector('.charts')
  const drawn = new Map()
  const pause = document.getElementById('pause')
  const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' })
  const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })
  const number = new Intl.NumberFormat('en', { maximumFractionDigits: 2 })
  let paused = false

  const colour = (name) => {
    // light-dark() is resolved only where it is used as a colour.
    const probe = document.createElement('span')
    probe.style.color = `var(--${name})`
    charts.append(probe)
    const found = getComputedStyle(probe).color
    probe.remove()
    return found
  }

  /** As the tables have it: UTC, day and month only where the hours would say nothing. */
  const tick = (plot, time) => {
    const date = new Date(time * 1000)
    return plot.scales.x.max - plot.scales.x.min > 172_800 ? day.format(date) : clock.format(date)
  }
  const moment = (time) => `${day.format(new Date(time * 1000))}, ${clock.format(new Date(time * 1000))}`

  /** Like the rest of the page, which is larger on a large screen. */
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize)
  const font = `${Math.round(rem * 0.78)}px ${getComputedStyle(document.body).fontFamily}`
  const widthOf = (place) => Math.max(240, Math.floor(place.clientWidth || place.parentElement.clientWidth - 40))
  const sizeOf = (place) => ({ width: widthOf(place), height: Math.round(Math.max(rem * 14, widthOf(place) * 0.36)) })

  /** In the legend: where somebody points, and otherwise the last moment of which something is known. */
  function shownIn(plot, at, index, format) {
    let place = index ?? lastKnown(plot)
    // On the line between two known values, the one before.
    while (plot.data[at][place] === undefined && place > 0) place -= 1
    const value = plot.data[at][place]
    return value == null ? '–' : format(value)
  }

  const lastKnown = ({ data: [times, ...lines] }) =>
    times.findLastIndex((_, index) => lines.some((values) => values[index] != null))

  function optionsOf({ lines, title, unit }, place) {
    /** Half a session would be a strange thing to read. */
    const whole =
      unit === 'ms'
        ? {}
        : {
            incrs: [1, 2, 5].flatMap((one) => [0, 1, 2, 3, 4, 5, 6, 7].map((n) => one * 10 ** n)).sort((a, b) => a - b),
          }
    const axis = {
      font,
      stroke: colour('soft'),
      grid: { stroke: colour('line'), width: 1 },
      ticks: { stroke: colour('line'), width: 1 },
    }
    return {
      title: undefined,
      ...sizeOf(place),
      class: 'plot',
      cursor: { drag: { x: false, y: false } },
      scales: { y: { range: (_, least, most) => [Math.min(0, least ?? 0), most > 0 ? most * 1.08 : 1] } },
      axes: [
        { ...axis, space: rem * 4, size: rem * 2.4, values: (plot, at) => at.map((time) => tick(plot, time)) },
        { ...axis, ...whole, size: rem * 3.9, values: (_, values) => values.map((value) => number.format(value)) },
      ],
      series: [
        { label: 'At', value: (plot, _, at, index) => shownIn(plot, at, index, moment) },
        ...lines.map(({ label }, at) => ({
          label,
          stroke: colour(`s${at % 6}`),
          width: 2,
          dash: DASHES[at % DASHES.length],
          points: { show: true, size: 5, fill: colour(`s${at % 6}`), filter: (plot, of) => isolatedIn(plot.data[of]) },
          value: (plot, _, at, index) => shownIn(plot, at, index, number.format),
        })),
      ],
      hooks: { ready: [(plot) => label(plot, title)] },
    }
  }

  /** The picture for screen readers is the table below it. */
  function label(plot, title) {
    plot.root.setAttribute('role', 'img')
    plot.root.setAttribute('aria-label', `${title}: a chart. The same numbers are in the table below.`)
  }

  /**
   * Somebody looks once a minute, and an interval may be ten seconds: a line goes from each known value to the next one. Only where
   * nobody has looked for thrice as long as usual, or for long, is there a gap. Between undefined values, uPlot leaves none.
   */
  function bridged(values) {
    const known = values.flatMap((value, index) => (value === null ? [] : [index]))
    const steps = known.slice(1).map((index, before) => index - known[before])
    const usual = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)]
    const longest = Math.min(3 * usual, values.length / 20)
    const all = [...values]
    for (const [before, step] of steps.entries())
      if (step <= longest) all.fill(undefined, known[before] + 1, known[before] + step)
    return all
  }

  /** Values with a gap on both sides, of which there is no line. */
  function isolatedIn(values) {
    const there = values.flatMap((value, index) => (value === undefined ? [] : [index]))
    return there.filter(
      (index, at) =>
        values[index] !== null && (values[there[at - 1]] ?? null) === null && (values[there[at + 1]] ?? null) === null,
    )
  }

  function draw({ times, charts: given }) {
    const seconds = times.map((time) => time / 1000)
    for (const chart of given) {
      const place = document.querySelector(`[data-chart="${chart.name}"]`)
      if (!place) continue
      const data = [seconds, ...chart.lines.map(({ values }) => (chart.joins === 'last' ? bridged(values) : values))]
      const before = drawn.get(chart.name)
      const shape = chart.lines.map((line) => line.label).join()
      if (before?.shape === shape) before.plot.setData(data)
      else {
        before?.plot.destroy()
        place.replaceChildren()
        drawn.set(chart.name, { shape, chart, place, plot: new uPlot(optionsOf(chart, place), data, place) })
      }
    }
  }

  /** Numbers that do not follow any more must not look as if nothing happened. */
  function say(problem) {
    const place = document.getElementById('problem')
    if (place.textContent !== (problem ?? '')) place.textContent = problem ?? ''
    place.hidden = problem === null
  }

  async function update() {
    if (paused || document.hidden) return
    const response = await fetch(charts.dataset.src, { headers: { accept: 'application/json' } }).catch(() => null)
    if (!response?.ok) {
      say(
        `${response ? 'The studio refused. Load this page again.' : 'The studio does not answer.'} What you see is older.`,
      )
      return
    }
    const figures = await response.json()
    say(figures.problem)
    document.getElementById('count-live').textContent = figures.live
    document.getElementById('count-waiting').textContent = figures.waiting
    draw(figures)
  }

  /** Colours are those of the moment of drawing. */
  function redraw() {
    for (const one of drawn.values()) one.shape = null
    update().catch(() => {})
  }

  if (charts) {
    document.getElementById('live').hidden = false
    pause.addEventListener('click', () => {
      paused = !paused
      pause.setAttribute('aria-pressed', String(paused))
      pause.textContent = paused ? 'Go on' : 'Pause'
      update().catch(() => {})
    })
    const tick = () => update().catch(() => {})
    tick()
    setInterval(tick, EVERY)
    document.addEventListener('visibilitychange', tick)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw)
    new ResizeObserver(() => {
      for (const { plot, place } of drawn.values()) plot.setSize(sizeOf(place))
    }).observe(charts)
  }
}
