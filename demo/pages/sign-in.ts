import { type Request, Router } from 'express'
import { cookieOf, goTo, showPage } from '../reply.ts'
import type { Vault } from '../vault.ts'
import { signInView } from '../views/sign-in.ts'

const LONGEST_NAME = 40
/** The pages that a sign-in may redirect to: with any other address, a link could send people to another site. */
const NEXT = ['/', '/devices', '/session', '/thief']

export function signInPages(vault: Vault): Router {
  const pages = Router()
  const nextOf = (given: unknown) => NEXT.find((path) => path === given) ?? '/'

  pages.get('/sign-in', (request, response) =>
    showPage(vault, request, response, {
      title: 'Sign in',
      body: (session) =>
        signInView(session, {
          next: nextOf(request.query.next),
          signedOut: 'bye' in request.query,
          // The request had a cookie, and no session was found for it.
          ended: session.isNew && cookieOf(vault, request) !== undefined,
        }),
    }),
  )
  pages.post('/sign-in', async (request, response) => {
    const session = await vault.sessions.get(request)
    const name = nameIn(request)
    if (!name) return goTo(vault, request, response, '/sign-in')
    session.login(name.toLowerCase(), { remember: request.body?.remember === 'yes' })
    session.set('name', name)
    session.flash('notice', `Welcome, ${name}.`)
    goTo(vault, request, response, nextOf(request.body?.next))
  })
  pages.post('/sign-out', async (request, response) => {
    const session = await vault.sessions.get(request)
    session.logout()
    response.redirect(303, '/sign-in?bye')
  })
  return pages
}

/** One of the people with a button, or the name that was typed. */
function nameIn({ body }: Request): string {
  const given = body?.person ?? body?.name
  return typeof given === 'string' ? given.normalize().replace(/\s+/g, ' ').trim().slice(0, LONGEST_NAME) : ''
}
