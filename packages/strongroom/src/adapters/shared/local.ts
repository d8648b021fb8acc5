import { ConfigError } from '../../errors.ts'
import type { PendingSession } from './pending-session.ts'

/** Where a framework's locals have the session. */
export interface LocalOptions {
  /** Its name in the locals. Default `session`. False for none: `sessions.get` works without it. */
  readonly local?: string | false | undefined
}

/** The option, or its default. Throws `ConfigError` for what cannot be a name. */
export function localOption(given: LocalOptions['local']): string | false {
  const local = given ?? 'session'
  if (local === false || (typeof local === 'string' && local !== '')) return local
  throw new ConfigError('Option "local" of strongroom() must be a name for the session in the locals, or false.')
}

/** `where` is how the application writes it: `event.locals.session`. Throws `ConfigError` if something else is there. */
export function setLocal<Data extends object>(
  where: string,
  { locals, local }: { readonly locals: object; readonly local: string },
  session: PendingSession<Data>,
): void {
  if (local in locals)
    throw new ConfigError(
      `${where} is taken, by what ran before strongroom(sessions). Choose another name: strongroom(sessions, { local: 'visitor' }), or none: { local: false }.`,
    )
  Object.defineProperty(locals, local, { value: session, enumerable: true })
}

/** One visitor would have the session of another. */
export const sharedLocals = (where: string): ConfigError =>
  new ConfigError(`${where} is the same object in several requests: pass a new one with each.`)
