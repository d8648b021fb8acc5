import { parseCookie } from 'cookie'
import type { Request, Response } from 'express'
import type { Session } from 'strongroom'
import type { Site, Visit } from './site.ts'
import type { Cookies, Target } from './targets/target.ts'
import type { Html } from './views/html.ts'
import { layout } from './views/layout.ts'

/** The visitor's cookies that belong to this target, as the browser sent them. */
export function cookiesOf(request: Request, target: Target): Cookies {
  const all = Object.entries(parseCookie(request.headers.cookie ?? '', { decode: (text) => text }))
  return new Map(all.filter((pair): pair is [string, string] => target.isOwnCookie(pair[0]) && pair[1] !== undefined))
}

const hasCookie = ({ sessions }: Site, request: Request): boolean =>
  parseCookie(request.headers.cookie ?? '')[sessions.policy.cookieName] !== undefined

/** Sends a page in the frame that all pages share. */
export async function showPage(
  site: Site,
  request: Request,
  response: Response,
  page: { title: string; body: (session: Session<Visit>) => Html },
): Promise<void> {
  const session = await site.sessions.get(request)
  const notices = session.flash('notice').map(String)
  const cookieLost = 'kept' in request.query && !hasCookie(site, request)
  const text = await layout({ title: page.title, here: request.path, notices, cookieLost }, page.body(session))
  response.set('Cache-Control', 'no-store').type('html').send(String(text))
}

/**
 * Redirects a form to the next page (303, so that a reload repeats nothing). If the browser had no cookie yet, the address
 * tells the next page to check whether the browser kept the one that it gets now.
 */
export function goTo(site: Site, request: Request, response: Response, path: string): void {
  const [before = '', hash = ''] = path.split('#')
  const kept = hasCookie(site, request) ? '' : `${before.includes('?') ? '&' : '?'}kept`
  response.redirect(303, `${before}${kept}${hash && `#${hash}`}`)
}
