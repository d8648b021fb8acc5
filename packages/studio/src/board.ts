import type { Context } from 'hono'
import type { StudioListener } from './events.ts'
import type { Frame } from './frame.ts'
import type { Guard } from './guard.ts'
import type { Bindings } from './mount.ts'
import type { Panels } from './panels.ts'
import type { StudioSessions, VisitorSessions } from './sessions.ts'

export interface BoardOptions extends Panels {
  readonly guard: Guard
  readonly write: boolean
  /** Are the cookie and the deadlines of the sessions the application's? */
  readonly isApplication: boolean
  readonly title: string
  readonly on: StudioListener | undefined
  /** Whose session the forms are bound to. */
  readonly operators: VisitorSessions
  readonly origin?: string | readonly string[] | undefined
}

export interface Env {
  Bindings: Bindings
  Variables: { operator: string | null; write: boolean; token: Frame['token']; fields: Fields }
}

export type Fields = Readonly<Record<string, string>>
export type StudioContext = Context<Env>

/** What pages are made of. */
export interface Board {
  readonly sessions: StudioSessions
  readonly isApplication: boolean
  readonly panels: Panels
  readonly report: StudioListener
  frame(c: StudioContext): Frame
}
