import type { BaseSessions } from 'strongroom'
import type { AnyUser } from 'strongroom/internal'

/** What requests come with: of visitors, or of operators. */
export type VisitorSessions = BaseSessions<Record<string, unknown>>

/** Sessions of whatever data. What `of` can do depends on the engine. */
export type StudioSessions = VisitorSessions & { of(userId: string): AnyUser }
