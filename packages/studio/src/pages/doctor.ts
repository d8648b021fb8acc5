import type { Hono } from 'hono'
import type { Board, Env } from '../board.ts'
import { type Frame, notice, send } from '../frame.ts'
import { type Html, html, nothing } from '../html.ts'
import { type Done, Job } from '../job.ts'
import { fromNow, plural } from '../moments.ts'
import type { DoctorCheck, DoctorDiagnosis } from '../panels.ts'
import { isAskedHere } from './asked.ts'
import { type Mark, mark } from './marks.ts'
import { reasonOf } from './reason.ts'

const TIME_LIMIT = 5000

type Level = DoctorCheck['level']
const LEVELS: readonly (readonly [Level, Mark, string])[] = [
  ['red', 'bad', 'Breaks a promise'],
  ['amber', 'warn', 'Weakens a promise'],
  ['unknown', 'unknown', 'Could not be checked'],
  ['green', 'good', 'In order'],
]

export function doctorPages(app: Hono<Env>, board: Board): void {
  const { doctor } = board.panels
  if (!doctor) return
  const examination = new Job<DoctorDiagnosis>(() => doctor.diagnose())
  app.get('/doctor', (c) => {
    const frame = board.frame(c)
    return send(c, frame, {
      page: 'doctor',
      heading: 'Doctor',
      lead: 'Looks at the real deployment, and says what weakens its promises, each with the mend. It changes nothing.',
      body: page(frame, examination),
      ...(examination.isRunning && { again: 2 }),
    })
  })
  app.get('/doctor/examine', async (c) => {
    if (isAskedHere(c)) await examination.run(TIME_LIMIT)
    return c.redirect(`${c.env.base}/doctor`, 303)
  })
}

function page({ base }: Frame, examination: Job<DoctorDiagnosis>): Html {
  const failed =
    examination.error === null ? nothing : notice('bad', html`The examination failed: ${reasonOf(examination.error)}`)
  const again = examination.isRunning
    ? notice('plain', 'Examining … This page loads again by itself.')
    : html`<form action="${base}/doctor/examine" method="get"><button>${examination.last ? 'Examine again' : 'Examine now'}</button></form>`
  return html`${failed}${again}${examination.last ? findings(examination.last) : nothing}`
}

function findings({ value: { checks }, at }: Done<DoctorDiagnosis>): Html {
  const count = (level: Level) => checks.filter((check) => check.level === level).length
  const bad = count('red') + count('amber')
  return html`<p class="meta">${bad === 0 ? 'Nothing to mend' : `${plural(bad, 'thing')} to mend`}${count('unknown') > 0 ? `, ${count('unknown')} could not be checked` : ''}, ${count('green')} in order. Examined ${fromNow(at)}.</p>
${LEVELS.map(([level, kind, heading]) => {
  const found = checks.filter((check) => check.level === level)
  if (found.length === 0) return nothing
  const list = html`<ul class="checks">${found.map((check) => checkView(check, kind))}</ul>`
  if (level === 'green')
    return html`<details class="panel"><summary>${mark(kind)} ${heading} (${found.length})</summary>${list}</details>`
  return html`<section class="panel" aria-labelledby="${level}"><h2 id="${level}">${mark(kind)} ${heading} <span class="soft">${found.length}</span></h2>${list}</section>`
})}`
}

const checkView = ({ name, about, what, mend, docs }: DoctorCheck, kind: Mark): Html => html`<li class="${kind}">
<p><strong>${name}</strong> <span class="soft">${about}</span></p>
<p>${what}</p>
${mend === null ? nothing : html`<p class="mend"><span>Mend</span> <code>${mend}</code></p>`}
<p class="help">See <code>${docs}</code></p>
</li>`
