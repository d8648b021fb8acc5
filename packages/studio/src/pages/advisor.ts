import type { Hono } from 'hono'
import type { Board, Env } from '../board.ts'
import { type Frame, notice, send } from '../frame.ts'
import { type Html, html, nothing } from '../html.ts'
import type {
  AdvisorChoice,
  AdvisorLine,
  AdvisorPanel,
  AdvisorQuestion,
  AdvisorRank,
  AdvisorResult,
} from '../panels.ts'

type Answers = Readonly<Record<string, readonly string[]>>

/** Beside the answers in the address, and a name that no question has. */
const ASKED = 'answered'
/** Of a text. */
const LONGEST = 100
/** So many recommendations are shown at first. */
const OPEN = 3

export function advisorPages(app: Hono<Env>, board: Board): void {
  const { advisor } = board.panels
  if (!advisor) return
  // GET: nothing changes, and an answer can be kept as a bookmark or sent to a colleague.
  app.get('/advisor', async (c) => {
    const frame = board.frame(c)
    const given = c.req.queries()
    const asked = ASKED in given
    const { answers, wrong: unread } = read(advisor, given)
    const result = asked && unread.length === 0 ? await advisor.advise(answers) : null
    const wrong = [...unread, ...(result?.wrong ?? [])]
    return send(
      c,
      frame,
      {
        page: 'advisor',
        heading: 'Advisor',
        lead: 'Say what matters, and what is there already. It recommends nothing that the lab has broken.',
        body: html`${wrong.map((each) => notice('bad', each))}${result && wrong.length === 0 ? advice(result) : nothing}${form(frame, advisor, asked ? answers : null)}`,
      },
      wrong.length === 0 ? 200 : 400,
    )
  })
}

/** Only questions that there are, and only choices that they have. What was left empty is left out. */
function read({ questions }: AdvisorPanel, given: Answers): { answers: Answers; wrong: string[] } {
  const wrong: string[] = []
  const answers = questions.flatMap(({ name, kind, label, choices = [] }) => {
    const values = (given[name] ?? []).filter((value) => value !== '')
    const known = {
      number: (value: string) => /^\d{1,15}$/.test(value),
      text: (value: string) => value.length <= LONGEST,
      one: (value: string) => choices.some((choice) => choice.value === value),
      many: (value: string) => choices.some((choice) => choice.value === value),
    }[kind]
    const takes = {
      number: 'a whole number',
      text: `at most ${LONGEST} characters`,
      one: `one of: ${choices.map((choice) => choice.label).join(', ')}`,
      many: `some of: ${choices.map((choice) => choice.label).join(', ')}`,
    }[kind]
    if (!values.every(known)) wrong.push(`“${label}” takes ${takes}.`)
    return values.length > 0 ? [[name, kind === 'many' ? values : values.slice(0, 1)] as const] : []
  })
  return { answers: Object.fromEntries(answers), wrong }
}

function form({ base }: Frame, { questions }: AdvisorPanel, answers: Answers | null): Html {
  return html`<form class="questions" id="questions" action="${base}/advisor" method="get"><input type="hidden" name="${ASKED}" value="">
${questions.map((question) => questionView(question, answers?.[question.name] ?? (answers ? [] : (question.initial ?? []))))}
<button class="main">Advise</button></form>`
}

function questionView(question: AdvisorQuestion, chosen: readonly string[]): Html {
  const { name, label, help, kind, choices = [], unit } = question
  const described = help ? html` aria-describedby="${name}-help"` : nothing
  const hint = help ? html`<p class="help" id="${name}-help">${help}</p>` : nothing
  if (kind === 'number' || kind === 'text') {
    const digits = kind === 'number' ? html` inputmode="numeric" pattern="[0-9]{1,15}"` : html` maxlength="${LONGEST}"`
    return html`<div class="panel"><label for="${name}">${label}</label><div class="field"><input id="${name}" name="${name}"${digits} autocomplete="off" value="${chosen[0] ?? ''}"${described}>${unit ? html`<span class="soft">${unit}</span>` : nothing}</div>${hint}</div>`
  }
  return html`<fieldset class="panel"${described}><legend>${label}</legend>${hint}<div class="choices">${choices.map((choice) => choiceView(question, choice, chosen))}</div></fieldset>`
}

const choiceView = (
  { name, kind }: AdvisorQuestion,
  { value, label, hint }: AdvisorChoice,
  chosen: readonly string[],
): Html =>
  html`<label class="choice"><input type="${kind === 'many' ? 'checkbox' : 'radio'}" name="${name}" value="${value}"${chosen.includes(value) ? html` checked` : nothing}><span>${label}${hint ? html`<small>${hint}</small>` : nothing}</span></label>`

function advice({ contradictions, ranked, notes = [] }: AdvisorResult): Html {
  const first =
    ranked.length === 0
      ? notice('bad', 'Nothing that the lab has tried gives all of this. Choose less, or more servers.')
      : nothing
  return html`<section class="advice" aria-labelledby="advice"><div class="bar"><h2 id="advice">Recommended</h2><a href="#questions">Change the answers</a></div>
${contradictions.map((each) => notice('bad', each))}${first}
<ol class="ranks">${ranked.slice(0, OPEN).map((rank, at) => rankView(rank, at + 1))}</ol>
${ranked.length > OPEN ? html`<details><summary>${ranked.length - OPEN} more that would do</summary><ol class="ranks">${ranked.slice(OPEN).map((rank, at) => rankView(rank, at + 1 + OPEN))}</ol></details>` : nothing}
${notes.length > 0 ? html`<details class="panel"><summary>What else there is to know</summary><ul class="reasons">${notes.map((each) => html`<li>${each}</li>`)}</ul></details>` : nothing}
</section>`
}

const rankView = (
  { title, reasons, givenUp, config, sizing = [] }: AdvisorRank,
  place: number,
): Html => html`<li class="panel"><h3><span class="soft">${place}.</span> ${title}</h3>
<ul class="reasons">${reasons.map((each) => html`<li>${each}</li>`)}</ul>
${givenUp.length > 0 ? html`<p class="soft">Given up:</p><ul class="reasons">${givenUp.map((each) => html`<li>${each}</li>`)}</ul>` : nothing}
${config ? html`<details><summary>strongroom.config.ts</summary><pre tabindex="0"><code>${config}</code></pre></details>` : nothing}
${sizing.length > 0 ? html`<details><summary>How large it gets</summary>${sizes(title, sizing)}</details>` : nothing}</li>`

const sizes = (
  title: string,
  lines: readonly AdvisorLine[],
): Html => html`<div class="scroll" role="region" aria-label="How large ${title} gets" tabindex="0"><table>
<thead><tr><th scope="col">What</th><th scope="col">Arithmetic</th><th scope="col">Is</th><th scope="col">From</th></tr></thead>
<tbody>${lines.map(({ what, formula, value, source }) => html`<tr><th scope="row">${what}</th><td><code>${formula}</code></td><td>${value}</td><td class="soft">${source}</td></tr>`)}</tbody></table></div>`
