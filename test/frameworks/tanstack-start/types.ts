import type { Register } from '@tanstack/react-router'
import { createMiddleware, createStart } from '@tanstack/react-start'
import { createServerEntry } from '@tanstack/react-start/server'
import { withErrorStatus, withSessions } from '../../../packages/strongroom/src/adapters/tanstack-start.ts'
import type { BaseSessions } from '../../../packages/strongroom/src/sessions.ts'

declare const sessions: BaseSessions<{ visits: number }>
declare const handler: Parameters<typeof createServerEntry<Register>>[0]

export const entry = createServerEntry({ fetch: withSessions(sessions, handler.fetch) })
export const middleware = createMiddleware({ type: 'function' }).server(withErrorStatus)
export const startInstance = createStart(() => ({ functionMiddleware: [middleware] }))
