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
  // Not no-referrer: browsers would then send `Origin: null` with forms, and `csrf(sessions)` would refuse them.
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
}

export function securityHeaders(_request: Request, response: Response, next: NextFunction): void {
  response.set(HEADERS)
  next()
}

const OWN_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i

/** A name of somebody else that resolves to this machine (DNS rebinding) would make their page one of ours to the browser. */
export function ownHostOnly(request: Request, response: Response, next: NextFunction): void {
  if (OWN_HOST.test(request.headers.host ?? '')) next()
  else response.status(421).type('text').send('This demo is for localhost, and no other name.\n')
}
