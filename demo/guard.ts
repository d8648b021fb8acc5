import type { NextFunction, Request, Response } from 'express'

const HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  // Not no-referrer: browsers would then send `Origin: null` with forms, and the check below would refuse them.
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
}

export function securityHeaders(_request: Request, response: Response, next: NextFunction): void {
  response.set(HEADERS)
  next()
}

/**
 * Refuses a form that was sent from elsewhere. The cookie's SameSite=Lax keeps other sites' forms from being signed in; this
 * also covers sister hosts and other ports of localhost, which are the same site to a browser.
 */
export function sameOriginOnly(request: Request, response: Response, next: NextFunction): void {
  if (['GET', 'HEAD', 'OPTIONS'].includes(request.method) || isOwn(request)) next()
  else response.status(403).type('text').send('This form was sent from another site, and was refused.\n')
}

/** What browsers say of where a request comes from. A client that says neither is no browser, and has nobody's cookies. */
function isOwn({ headers }: Request): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  const { origin, host } = headers
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)
}
