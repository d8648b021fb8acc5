import type { Report } from '@strongroom/cli/lab'
import { html } from 'hono/html'
import type { Result } from '../attacks/run.ts'
import type { Look } from '../search/look.ts'
import { LEAST_NOTE, NOTE_LENGTH } from '../targets/target.ts'
import type { Absent } from '../targets/targets.ts'
import { attacksView } from './attacks.ts'
import type { Html } from './html.ts'
import { matrixView } from './lab.ts'
import { placesView } from './places.ts'

export interface Start {
  readonly note: string | null
  readonly looks: readonly Look[]
  readonly absent: readonly Absent[]
  /** By attack and target. */
  readonly results: ReadonlyMap<string, ReadonlyMap<string, Result>>
  readonly report: Report
}

export function startView({ note, looks, absent, results, report }: Start): Html {
  return html`<section class="hero" aria-labelledby="title">
      <div>
        <h1 id="title">Which session engine is secure?</h1>
        <p class="lead">
          Secure <em>against what?</em> Leave a secret here: it is kept on every engine of this machine, side by side. Then look
          for it as a thief would, and attack the engines yourself.
        </p>
      </div>
      <form class="panel note" method="post" action="/note">
        <label for="note">Your secret</label>
        <input id="note" name="note" required minlength="${LEAST_NOTE}" maxlength="${NOTE_LENGTH}" autocomplete="off"
          value="${note ?? ''}" placeholder="Something that only you should know" aria-describedby="note-hint">
        <p class="hint" id="note-hint">${LEAST_NOTE} to ${NOTE_LENGTH} characters. It does not leave this machine.</p>
        <button class="brass">${note === null ? 'Keep it on every engine' : 'Keep this one instead'}</button>
      </form>
    </section>
    ${placesView(note, looks, absent)}
    ${attacksView(looks, results)}
    ${matrixView(report)}`
}
