import { parseCookie } from 'cookie'
import type { Request, Response } from 'express'
import type { Session } from 'strongroom'
import type { Vault, Visit } from './vault.ts'
import type { Html } from './views/html.ts'
import { layout } from './views/layout.ts'

/** The value of our cookie in this request, if it has one. */
export function cookieOf({ sessions }: Vault, request: Request): string | undefined {
  return parseCookie(request.headers.cookie ?? '')[sessions.policy.cookieName]
}

/** Sends a page in the frame that all pages share. */
export async function showPage(
  vault: Vault,
  request: Request,
  response: Response,
  page: { title: string; body: (session: Session<Visit>) => Html },
): Promise<void> {
  const session = await vault.sessions.get(request)
  const notices = session.flash('notice').map(String)
  const cookieLost = 'kept' in request.query && cookieOf(vault, request) === undefined
  const text = await layout(
    { title: page.title, here: request.path, session, vault, notices, cookieLost },
    page.body(session),
  )
  response.set('Cache-Control', 'no-store').type('html').send(String(text))
}

/**
 * Redirects a form to the next page (303, so that a reload repeats nothing). If the browser had no cookie yet, the address
 * tells the next page to check whether the browser kept the one that it gets now.
 */
export function goTo(vault: Vault, request: Request, response: Response, path: string): void {
  response.redirect(303, cookieOf(vault, request) === undefined ? `${path}?kept` : path)
}
