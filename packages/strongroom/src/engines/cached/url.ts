import { ConfigError } from '../../errors.ts'
import type { Store } from '../../store.ts'
import { strictQuery } from '../shared/url-query.ts'
import { make } from './make.ts'

/** `cached:?durable=URL&cache=URL`, the two percent-encoded, with `maxAge` and `cacheTimeout`. Closes what it opens. */
export function cachedFromUrl(url: string, open: (url: string) => Store): Store {
  const [, path = '', given = ''] = /^cached:([^?]*)\??(.*)$/is.exec(url) ?? []
  if (path !== '') throw new ConfigError('cached: takes no path: write cached:?durable=URL&cache=URL.')
  const query = strictQuery('cached:', given, ['durable', 'cache', 'maxAge', 'cacheTimeout'])
  const [durable, cache] = (['durable', 'cache'] as const).map((name) => {
    const inner = query.text(name)
    if (!inner) throw new ConfigError(`A cached: URL needs "${name}", a store URL that is percent-encoded.`)
    return inner
  }) as [string, string]
  const own = [open(durable), open(cache)] as const
  const [maxAge, cacheTimeout] = [query.number('maxAge'), query.number('cacheTimeout')]
  return make({ durable: own[0], cache: own[1], maxAge, cacheTimeout }, own)
}
