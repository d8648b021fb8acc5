import { type Request, type Response, Router } from 'express'
import type { Session } from 'strongroom'
import { goTo, showPage } from '../reply.ts'
import type { Vault, Visit } from '../vault.ts'
import { devicesView } from '../views/devices.ts'

export function devicePages(vault: Vault): Router {
  const pages = Router()
  const { sessions } = vault

  /** For visitors who are signed in; others are sent to the sign-in page. */
  const onForm = (path: string, act: (user: string, session: Session<Visit>, request: Request) => Promise<string>) =>
    pages.post(path, async (request, response) => {
      const session = await sessions.get(request)
      if (session.userId === null) return askToSignIn(response)
      const next = await act(session.userId, session, request)
      goTo(vault, request, response, next)
    })

  pages.get('/devices', async (request, response) => {
    const session = await sessions.get(request)
    const user = session.userId
    if (user === null) return askToSignIn(response)
    const devices = vault.store?.byOwner ? await sessions.of(user).list(session) : null
    await showPage(vault, request, response, {
      title: 'Your devices',
      body: () => devicesView(devices, sessions.policy),
    })
  })

  onForm('/devices/log-out', async (user, session, request) => {
    const handle = String(request.body?.handle)
    if (handle === session.handle) {
      session.logout()
      return '/sign-in?bye'
    }
    const ended = await sessions.of(user).revoke(handle)
    session.flash('notice', ended ? 'That device is logged out.' : 'That device was logged out already.')
    return '/devices'
  })

  onForm('/devices/log-out-others', async (user, session) => {
    const count = await sessions.of(user).revokeOthers(session)
    session.flash('notice', othersEnded(count))
    return '/devices'
  })
  return pages
}

function askToSignIn(response: Response): void {
  response.redirect(303, '/sign-in?next=/devices')
}

/** `count` is null if sessions are in their owners' cookies, which nobody can count. */
function othersEnded(count: number | null): string {
  if (count === 0) return 'There was no other device to log out.'
  if (count === null) return 'Every other device is logged out.'
  return `${count} other ${count === 1 ? 'device is' : 'devices are'} logged out.`
}
