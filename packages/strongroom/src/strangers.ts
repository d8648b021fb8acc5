import { warnOnce } from './base/warn.ts'
import type { Transport } from './http/transport.ts'

/** Who is told of them: developers, whose applications share localhost, and whose secrets are not made up at each start. */
export function strangersOf({ name, other }: Transport, made: readonly string[]): (() => void) | undefined {
  if (process.env.NODE_ENV !== 'development' || made.includes('secrets') || other) return undefined
  const warn = warnOnce(
    'STRONGROOM_COOKIE_NAME',
    'Shown once, and in development alone. It is harmless after the secrets were changed.',
  )
  return () =>
    warn(
      `A browser has sent a cookie ${name} that was made under other secrets. Cookies ignore ports: if another application on this host has a cookie of that name, each signs the visitors of the other out. Give each a name of its own, by cookie: { name }.`,
    )
}
