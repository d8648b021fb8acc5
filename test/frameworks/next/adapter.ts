import { AsyncLocalStorage } from 'node:async_hooks'

/** What a server of Next sets before it loads an application: next/headers, which the adapter imports, needs it from its first moment. */
Object.assign(globalThis, { AsyncLocalStorage })
// What the build puts into next/navigation for the option authInterrupts of the shell.
process.env.__NEXT_EXPERIMENTAL_AUTH_INTERRUPTS = 'true'

/** The types of `next` would make `process.env.NODE_ENV` read-only in this whole repository. */
const NEXT: string = 'next'

interface NextApplication {
  prepare(): Promise<void>
  close(): Promise<void>
  getRequestHandler(): (request: object, response: object) => Promise<void>
}

export const next: (options: { dev: boolean; dir: string }) => NextApplication = (await import(NEXT)).default

export const { action, csrf, flash, read, strongroom, withSessions } = await import(
  '../../../packages/strongroom/src/adapters/next.ts'
)

export const { cookies, headers } = await import('next/headers.js')
export const { forbidden, notFound, permanentRedirect, redirect, unauthorized } = await import('next/navigation.js')
export const { NextResponse } = await import('next/server.js')
