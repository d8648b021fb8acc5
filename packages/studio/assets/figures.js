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
  const height = Math.round(rem * 14)

  const widthOf = (place) => Math.max(240, Math.floor(place.clientWidth || place.parentElement.clientWidth - 40))

  function optionsOf({ lines, title }, place) {
    const axis = {
      font,
      stroke: colour('soft'),
      grid: { stroke: colour('line'), width: 1 },
      ticks: { stroke: colour('line'), width: 1 },
    }
    return {
      title: undefined,
      width: widthOf(place),
      height,
      class: 'plot',
      cursor: { drag: { x: false, y: false } },
      scales: { y: { range: (_, least, most) => [Math.min(0, least ?? 0), most > 0 ? most * 1.08 : 1] } },
      axes: [
        { ...axis, space: rem * 4, size: rem * 2.4, values: (plot, at) => at.map((time) => tick(plot, time)) },
        { ...axis, size: rem * 3.9, values: (_, values) => values.map((value) => number.format(value)) },
      ],
      series: [
        { label: 'At', value: (_, time) => (time == null ? '–' : moment(time)) },
        ...lines.map(({ label }, at) => ({
          label,
          stroke: colour(`s${at % 6}`),
          width: 2,
          dash: DASHES[at % DASHES.length],
          points: { show: false },
          value: (_, value) => (value == null ? '–' : number.format(value)),
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

  function draw({ times, charts: given }) {
    const seconds = times.map((time) => time / 1000)
    for (const chart of given) {
      const place = document.querySelector(`[data-chart="${chart.name}"]`)
      if (!place) continue
      const data = [seconds, ...chart.lines.map(({ values }) => values)]
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

  async function update() {
    if (paused || document.hidden) return
    const response = await fetch(charts.dataset.src, { headers: { accept: 'application/json' } })
    if (!response.ok) return
    const figures = await response.json()
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
    // A server that is away for a moment costs a gap, and no error on the page.
    const tick = () => update().catch(() => {})
    tick()
    setInterval(tick, EVERY)
    document.addEventListener('visibilitychange', tick)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw)
    new ResizeObserver(() => {
      for (const { plot, place } of drawn.values()) plot.setSize({ width: widthOf(place), height })
    }).observe(charts)
  }
}
