import { type Request, type Response, Router } from 'express'
import type { Session } from 'strongroom'
import type { Attack } from '../attacks/attack.ts'
import { attacks } from '../attacks/list.ts'
import { goTo, showPage } from '../reply.ts'
import type { Site, Visit } from '../site.ts'
import { attackView } from '../views/attack.ts'
import { errorPage } from './error.ts'

/** For a visitor who has not left a note. */
const SOME_NOTE = 'the key is under the third flowerpot'
/** So many runs may wait for their turn. */
const MOST_WAITING = 12

export function attackPages(site: Site): Router {
  const pages = Router()
  const { sessions, runs, runner } = site

  /** An attack by its name, or the page that lists the known ones. */
  const named = (request: Request, response: Response): Attack | null => {
    const attack = attacks.find(({ name }) => name === request.params.name)
    if (attack) return attack
    errorPage(response, 404, `There is no such attack. There are ${attacks.map(({ name }) => name).join(', ')}.`)
    return null
  }

  pages.get('/attacks/:name', async (request, response) => {
    const attack = named(request, response)
    if (!attack) return
    const session = await sessions.get(request)
    const asked = request.query.run
    const run = runs.get(asked ?? session.get('runs')?.[attack.name])
    const isForgotten = asked !== undefined && run === null
    await showPage(site, request, response, {
      title: attack.title,
      body: () =>
        attackView({
          attack,
          run: run?.attack === attack.name ? run : null,
          isForgotten,
          targets: site.targets.running,
          open: request.query.open,
        }),
    })
  })

  const start = async (session: Session<Visit>, attack: Attack): Promise<string> => {
    const note = session.get('note') ?? SOME_NOTE
    const results = await runner.run(attack, site.targets.running, note)
    return runs.add({ attack: attack.name, at: new Date(), results })
  }
  const isBusy = (response: Response): boolean => {
    if (runner.waiting < MOST_WAITING) return false
    response.set('Retry-After', '5')
    errorPage(response, 503, `${runner.waiting} attacks are waiting for their turn. Try again in a few seconds.`)
    return true
  }

  pages.post('/attacks/:name', async (request, response) => {
    const attack = named(request, response)
    if (!attack || isBusy(response)) return
    const session = await sessions.get(request)
    const id = await start(session, attack)
    session.update('runs', (ids) => ({ ...ids, [attack.name]: id }))
    // The address names the run, so that it is found without a cookie, too.
    goTo(site, request, response, `/attacks/${attack.name}?run=${id}`)
  })

  pages.post('/attacks', async (request, response) => {
    if (isBusy(response)) return
    const session = await sessions.get(request)
    const ids: Record<string, string> = {}
    for (const attack of attacks) ids[attack.name] = await start(session, attack)
    session.update('runs', (before) => ({ ...before, ...ids }))
    goTo(site, request, response, '/#attacks')
  })
  return pages
}
