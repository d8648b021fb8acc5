import { type DjangoUrl, djangoFromUrl, openForReading } from '@strongroom/django/internal'
import type { Store } from 'strongroom'
import { loadEnv } from './environment.ts'
import { misuse } from './failure.ts'
import { note } from './output.ts'
import { checkPath } from './paths.ts'

/**
 * Opens a Django's store to clear it. A row says itself when it expires. A session file does not: its data does, which is only read
 * with Django's key. (Without it, a session that lasts longer than the site's default would be removed too early.)
 */
export function openForClearing(url: string, env: string | undefined): Store {
  const parsed = djangoFromUrl(url)
  const { engine, settings, path } = parsed
  checkPath(path)
  noteZone(parsed)
  const { cookieName } = settings
  if (engine.name !== 'file') return engine.open({ clock: Date.now, cookieName, endOf: () => 0 }) as Store
  loadEnv(process.cwd(), env)
  return openForReading('clear-expired', engine, { ...settings, ...keys(), clock: Date.now, password: false }).store
}

function keys(): Pick<Parameters<typeof openForReading>[2], 'secretKey' | 'secretKeyFallbacks'> {
  const secretKey = process.env.DJANGO_SECRET_KEY
  if (!secretKey)
    throw misuse(
      "When a session file expires is in its signed data: set DJANGO_SECRET_KEY, in the environment or in .env, to Django's SECRET_KEY.",
    )
  return { secretKey, secretKeyFallbacks: (process.env.DJANGO_SECRET_KEY_FALLBACKS ?? '').split(/\s+/).filter(Boolean) }
}

/** In the wrong time zone, live sessions are taken for expired ones, or the other way round. */
export function noteZone({ zoneIsAssumed }: DjangoUrl): void {
  if (zoneIsAssumed)
    note(
      "Django's moments are read as UTC, as USE_TZ = True stores them. If it is False, live sessions may count as expired, and expired ones as live: add ?timeZone= with Django's TIME_ZONE to the URL. (?timeZone=UTC says that this is right.)",
    )
}
