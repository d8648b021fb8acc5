import type { BaseSessions } from 'strongroom'
import type { AnyUser } from 'strongroom/internal'

/** Sessions of whatever data. What `of` can do depends on the engine. */
export type StudioSessions = BaseSessions<Record<string, unknown>> & { of(userId: string): AnyUser }
