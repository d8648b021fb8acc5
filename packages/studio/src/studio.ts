import { type BaseSessions, ConfigError } from 'strongroom'
import { booleanOption, checkOptions } from 'strongroom/internal'
import { createApp } from './app.ts'
import { checkListener, type StudioListener } from './events.ts'
import { checkGuard, type Guard } from './guard.ts'
import { checkPath, checkSessions, type Mounted, mounted } from './mount.ts'
import { checkPanels, PANELS, type Panels } from './panels.ts'
import type { StudioSessions } from './sessions.ts'

export interface StudioOptions extends Panels {
  /** Who may see the studio. Without one it does not start. */
  readonly guard: Guard
  /** Where it is mounted, for its links: "/studio", the default. Express says it by itself. */
  readonly path?: string | undefined
  /** May operators end sessions? By default they may only look. */
  readonly write?: boolean | undefined
  /** What the pages are about, such as "shop, production". By default the engine's name. */
  readonly title?: string | undefined
  /** The origin that browsers see, such as "https://shop.example": behind a proxy that changes `Host`. */
  readonly origin?: string | readonly string[] | undefined
  /** Called with what happened, for an audit log. */
  readonly on?: StudioListener | undefined
}

/** The result of `studio`: handlers for the servers of Node and of Fetch. */
export type Studio = Mounted

const KNOWN = ['guard', 'path', 'write', 'title', 'origin', 'on', ...PANELS] as const

/**
 * The page for operators, to mount in an application: `app.use('/studio', board.node)` in Express,
 * `app.all('/studio/*', (c) => board.fetch(c.req.raw))` in Hono. Throws `ConfigError` without a guard, and for an option that is unknown
 * or wrong.
 */
export function studio<Data extends object>(sessions: BaseSessions<Data>, options: StudioOptions): Studio {
  const given = sessions as unknown as StudioSessions
  checkSessions('studio(sessions, { guard })', given)
  checkGuard(options?.guard)
  checkOptions('studio()', options, KNOWN)
  checkPanels('studio()', options)
  checkListener('studio()', options.on)
  const { path = '/studio', title = given.policy.engine, on, guard, write, origin, ...panels } = options
  if (typeof title !== 'string') throw new ConfigError('studio(): title must be a string, such as "shop, production".')
  const app = createApp(given, {
    guard,
    write: booleanOption('studio(): write', write, false),
    isApplication: true,
    title,
    on,
    origin,
    operators: given,
    ...panels,
  })
  return mounted(given, checkPath('studio()', path), (request, bindings) => app.fetch(request, bindings))
}
