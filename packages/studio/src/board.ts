import type { Context } from 'hono'
import type { BaseSessions } from 'strongroom'
import type { AnyUser } from 'strongroom/internal'
import type { StudioListener } from './events.ts'
import type { Frame } from './frame.ts'
import type { Guard } from './guard.ts'
import type { Panels } from './panels.ts'

/** What the studio looks after. What `of` can do depends on the engine. */
export type StudioSessions = BaseSessions<Record<string, unknown>> & { of(userId: string): AnyUser }

export interface BoardOptions extends Panels {
  readonly guard: Guard
  readonly write: boolean
  readonly title: string
  readonly on: StudioListener | undefined
  /** Whose session the forms are bound to. */
  readonly operators: BaseSessions<object>
}

/** Where the request was found to be, and what its framework has read of it already. */
export interface Bindings {
  readonly base: string
  readonly body: Readonly<Record<string, unknown>> | null
}

export interface Env {
  Bindings: Bindings
  Variables: { operator: string | null; token: Frame['token']; fields: Fields }
}

export type Fields = Readonly<Record<string, string>>
export type StudioContext = Context<Env>

/** What pages are made of. */
export interface Board {
  readonly sessions: StudioSessions
  readonly panels: Panels
  readonly report: StudioListener
  frame(c: StudioContext): Frame
}
