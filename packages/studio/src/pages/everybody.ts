import type { Hono } from 'hono'
import type { EverybodyReport } from 'strongroom'
import type { Board, Env } from '../board.ts'
import { type Frame, notice, send } from '../frame.ts'
import { type Html, html, nothing } from '../html.ts'
import { Job } from '../job.ts'
import { exactly, fromNow, plural } from '../moments.ts'
import { reasonOf } from './reason.ts'

const PHRASE = 'end everybody'
const TIME_LIMIT = 1500

export function everybodyPages(app: Hono<Env>, board: Board): void {
  let removed = 0
  let operator: string | null = null
  const removal = new Job<EverybodyReport>(async () => {
    const found = await board.sessions.revokeEverybody({ onProgress: (count) => (removed = count) })
    board.report({ type: 'ended', what: 'everybody', handle: null, count: found.removed, operator })
    return found
  })
  app.get('/everybody', async (c) => {
    const frame = board.frame(c)
    const keys = await board.sessions.keys()
    const { mistyped } = c.req.query()
    return send(c, frame, {
      page: 'everybody',
      heading: 'After a breach',
      lead: 'Ends every session of every user, because secrets may be in other hands.',
      body: html`${mistyped === undefined ? nothing : notice('bad', `Nothing was ended: type “${PHRASE}” to confirm.`)}
${report(removal)}
<section class="panel" aria-labelledby="steps"><h2 id="steps">Three steps</h2>${steps}</section>
${removal.isRunning ? notice('plain', `Removing … ${plural(removed, 'session')} so far. This page loads again by itself.`) : form(frame, keys)}`,
      ...(removal.isRunning && { again: 2 }),
    })
  })
  app.post('/everybody', async (c) => {
    const there = `${c.env.base}/everybody`
    const { phrase = '' } = c.get('fields')
    if (phrase.trim().toLowerCase() !== PHRASE) return c.redirect(`${there}?mistyped`, 303)
    // Sessions under a secret that is still in the ring would go on.
    if ((await board.sessions.keys()).length > 1) return c.redirect(there, 303)
    if (!removal.isRunning) [removed, operator] = [0, c.get('operator')]
    await removal.run(TIME_LIMIT)
    return c.redirect(there, 303)
  })
}

const steps = html`<ol class="steps">
<li>Make a new secret: <code>npx @strongroom/cli keys new</code>.</li>
<li>Let it be the only one, on every server: every session ends when the secrets that made it are gone.</li>
<li>Restart every server, this one too, or let it call <code>sessions.reloadSecrets()</code>. Then remove here what is stored of the old sessions.</li>
</ol>`

function form(frame: Frame, keys: readonly number[]): Html {
  if (keys.length > 1)
    return notice(
      'plain',
      `This server has ${keys.length} secrets (key ids ${keys.join(', ')}), and sessions under each of them go on. Let the new one be the only one first.`,
    )
  if (!frame.write) return notice('plain', 'The studio is read-only: the last step is not offered here.')
  return html`<form class="panel confirm" method="post" action="${frame.base}/everybody">${frame.token}
<label for="phrase">To remove what is stored of the old sessions, type <code>${PHRASE}</code></label>
<div class="field"><input id="phrase" name="phrase" required autocomplete="off" autocapitalize="off" spellcheck="false"><button class="danger">Remove old sessions</button></div>
</form>`
}

function report(removal: Job<EverybodyReport>): Html | string {
  if (removal.error !== null)
    return notice('bad', html`Not all was removed: ${reasonOf(removal.error)} Repeat it to go on.`)
  if (!removal.last || removal.isRunning) return nothing
  const { at, value } = removal.last
  const { records, removed, alive, oldestAlive, newest, otherNamespaces } = value
  if (records !== 'read')
    return notice(
      'plain',
      'There are no records to remove. Replacing the secrets has ended these sessions on every server that has only the new one.',
    )
  if (removed === 0 && alive)
    return notice(
      'bad',
      html`Nothing was ended: the secret of this server opens ${plural(alive, 'session')}${oldestAlive ? html`, the oldest of which began ${exactly(oldestAlive)}` : nothing}. If the secret was made before that, it is the old one: replace it on every server first.`,
    )
  return notice(
    'good',
    html`Removed ${plural(removed, 'session')} ${fromNow(at)}${newest ? html`; the newest of them began ${exactly(newest)}. If that is after the secrets were replaced, a server still has an old one` : nothing}.${otherNamespaces ? ` ${plural(otherNamespaces, 'session')} of other namespaces ${otherNamespaces === 1 ? 'was' : 'were'} left.` : ''}`,
  )
}
