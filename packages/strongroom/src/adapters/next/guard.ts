import { type NextRequest, NextResponse } from 'next/server.js'
import { ConfigError } from '../../errors.ts'

export interface GuardOptions {
  /**
   * What only signed-in visitors get: paths, each with all that is below it, or a function. Others are redirected to `signIn`. A page
   * or an action there must check for itself, too: no proxy sees everything that can call them.
   */
  readonly signedIn?: readonly string[] | ((request: NextRequest) => boolean) | undefined
  /** The path of the page to sign in, or a function that returns a path or a URL. Needed with `signedIn`. */
  readonly signIn?: string | ((request: NextRequest) => string | URL) | undefined
}

export interface Guard {
  /** Is this for signed-in visitors alone? */
  protects(request: NextRequest): boolean
  /** To the page to sign in. */
  redirect(request: NextRequest): Response
}

export function guard({ signedIn = [], signIn }: GuardOptions): Guard {
  if (typeof signedIn !== 'function' && !arePaths(signedIn))
    throw new ConfigError(
      "Option \"signedIn\" of strongroom() takes paths, each of which begins with '/', or a function: signedIn: ['/account'].",
    )
  if (signIn === undefined && (typeof signedIn === 'function' || signedIn.length > 0))
    throw new ConfigError('Option "signedIn" of strongroom() needs the page to sign in, too: signIn: \'/login\'.')
  if (signIn !== undefined && typeof signIn !== 'function' && !isPath(signIn))
    throw new ConfigError('Option "signIn" of strongroom() takes a path that begins with \'/\', or a function.')
  const prefixes = typeof signedIn === 'function' ? [] : signedIn.map((path) => path.replace(/\/+$/, ''))
  if (typeof signIn === 'string' && prefixes.some((prefix) => isBelow(signIn, prefix)))
    throw new ConfigError(
      'Option "signIn" of strongroom() is a path that "signedIn" protects: nobody could reach it to sign in.',
    )
  return {
    protects(request) {
      if (typeof signedIn === 'function') return signedIn(request)
      const path = decoded(request.nextUrl.pathname)
      return prefixes.some((prefix) => isBelow(path, prefix))
    },
    redirect(request) {
      const target = typeof signIn === 'function' ? signIn(request) : (signIn as string)
      return NextResponse.redirect(urlOf(target, request), isRead(request) ? 307 : 303)
    },
  }
}

/** A form that was refused must not be posted to the page to sign in. */
export const isRead = ({ method }: Request): boolean => method === 'GET' || method === 'HEAD'

function urlOf(target: string | URL, request: NextRequest): URL | string {
  if (typeof target !== 'string' || !target.startsWith('/')) return target
  // With the base path of the application.
  const url = request.nextUrl.clone()
  const { pathname, search, hash } = new URL(target, url.origin)
  return Object.assign(url, { pathname, search, hash }).toString()
}

const isBelow = (path: string, prefix: string) => path === prefix || path.startsWith(`${prefix}/`) || prefix === ''

/** Next finds the page of `/%61ccount` as that of `/account`. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

const isPath = (given: unknown) => typeof given === 'string' && /^\/(?!\/)/.test(given)
const arePaths = (given: unknown) => Array.isArray(given) && given.every(isPath)
