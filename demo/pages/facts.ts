import { Router } from 'express'
import { goTo, showPage } from '../reply.ts'
import type { Vault } from '../vault.ts'
import { factsView } from '../views/facts.ts'

export function factPages(vault: Vault): Router {
  const pages = Router()
  pages.get('/session', (request, response) =>
    showPage(vault, request, response, { title: 'Your session', body: (session) => factsView(session, vault) }),
  )
  pages.post('/session/renew', async (request, response) => {
    const session = await vault.sessions.get(request)
    if (!session.isNew) {
      session.renew()
      session.flash('notice', 'Your session has a new key. The old cookie does not work any more.')
    }
    goTo(vault, request, response, '/session')
  })
  return pages
}
