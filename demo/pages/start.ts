import { type Request, type Response, Router } from 'express'
import { attacks } from '../attacks/list.ts'
import type { Result } from '../attacks/run.ts'
import { cookiesOf, goTo, showPage } from '../reply.ts'
import { type Look, lookAt } from '../search/look.ts'
import type { Site, Visit } from '../site.ts'
import { ask } from '../targets/ask.ts'
import { LEAST_NOTE, NOTE_LENGTH, type Target } from '../targets/target.ts'
import { startView } from '../views/start.ts'

export function startPages(site: Site): Router {
  const pages = Router()
  const { targets, sessions, report } = site

  pages.get('/', async (request, response) => {
    const session = await sessions.get(request)
    const note = session.get('note') ?? null
    const looks = await Promise.all(targets.running.map((target) => lookFor(site, request, target, note)))
    for (const { setCookie } of looks) relay(response, setCookie)
    const results = resultsOf(site, session.get('runs'))
    const absent = targets.absent
    await showPage(site, request, response, {
      title: 'Which session engine is secure?',
      body: () => startView({ note, looks, absent, results, report }),
    })
  })

  pages.post('/note', async (request, response) => {
    const session = await sessions.get(request)
    const note = noteIn(request)
    if (note === null) {
      session.flash(
        'notice',
        `A note needs ${LEAST_NOTE} to ${NOTE_LENGTH} characters: a shorter one would turn up in random bytes.`,
      )
      return goTo(site, request, response, '/')
    }
    session.set('note', note)
    const kept = await keep(site, { request, response, note, targets: targets.running })
    session.flash('notice', `Your note is kept on ${kept} of ${targets.running.length} engines.`)
    goTo(site, request, response, '/#places')
  })

  pages.post('/servers', async (request, response) => {
    const session = await sessions.get(request)
    const before = new Set(targets.running)
    await targets.start(typeof request.body?.server === 'string' ? request.body.server : undefined)
    const added = targets.running.filter((target) => !before.has(target))
    const note = session.get('note')
    if (note !== undefined) await keep(site, { request, response, note, targets: added })
    const names = added.map(({ title }) => title).join(', ')
    session.flash('notice', names ? `Started: ${names}.` : 'No server was started.')
    goTo(site, request, response, '/#places')
  })
  return pages
}

function lookFor({ key }: Site, request: Request, target: Target, note: string | null): Promise<Look> {
  // Without a note there is nothing to look for, and the engine need not be asked.
  const cookies = note === null ? new Map() : cookiesOf(request, target)
  return lookAt(target, key, note ?? '', cookies)
}

function noteIn({ body }: Request): string | null {
  const given = typeof body?.note === 'string' ? body.note.normalize().replace(/\s+/g, ' ').trim() : ''
  return given.length >= LEAST_NOTE && given.length <= NOTE_LENGTH ? given : null
}

/** Keeps the note on each of these engines, in the visitor's own session there. Returns on how many that worked. */
async function keep(
  { key }: Site,
  order: { request: Request; response: Response; note: string; targets: readonly Target[] },
): Promise<number> {
  const { request, response, note, targets } = order
  const replies = await Promise.allSettled(
    targets.map((target) =>
      ask(target, key, { method: 'POST', path: '/note', fields: { note }, cookies: cookiesOf(request, target) }),
    ),
  )
  const done = replies.flatMap((reply) => (reply.status === 'fulfilled' ? [reply.value] : []))
  for (const { setCookie } of done) relay(response, setCookie)
  return done.filter(({ status }) => status === 200).length
}

/** The applications' cookies are the visitor's: the page passes them on, as a gateway does. */
function relay(response: Response, lines: readonly string[]): void {
  for (const line of lines) response.append('Set-Cookie', line)
}

/** The visitor's latest results, by attack and target. */
function resultsOf(site: Site, ids: Visit['runs'] = {}): ReadonlyMap<string, ReadonlyMap<string, Result>> {
  return new Map(
    attacks.map(({ name }) => {
      const results = site.runs.get(ids[name])?.results ?? []
      return [name, new Map(results.map((result) => [result.target, result]))]
    }),
  )
}
