/** How Django's cache names its keys. */
export interface CacheNaming {
  /** KEY_PREFIX of the cache. Default none. */
  readonly keyPrefix?: string | undefined
  /** VERSION of the cache. Default 1. */
  readonly version?: number | undefined
}

/** The key of a session in Django's cache, as `default_key_func` makes it. `backend` is the one that uses the cache. */
export const cacheKey = (
  backend: 'cache' | 'cached_db',
  sessionKey: string,
  { keyPrefix = '', version = 1 }: CacheNaming = {},
) => `${keyPrefix}:${version}:django.contrib.sessions.${backend}${sessionKey}`
