import { ConfigError } from '../../errors.ts'
import type { ScannableStore, Store } from '../../store.ts'
import { strictQuery } from '../shared/url-query.ts'
import { type Phase, sidesOf } from './sides.ts'
import { Moving } from './store.ts'

/** `moving:?from=URL&to=URL&phase=prepare`, with the two URLs percent-encoded; it closes the stores that it makes. */
export function movingFromUrl(url: string, open: (url: string) => Store): Store {
  const query = strictQuery('moving:', url.slice(url.indexOf('?') + 1 || url.length), ['from', 'to', 'phase'])
  const [from, to] = [query.text('from'), query.text('to')]
  if (!/^moving:(\?|$)/.test(url) || !from || !to)
    throw new ConfigError('A moving: URL is moving:?from=URL&to=URL, each with encodeURIComponent.')
  const stores = { from: open(from) as ScannableStore, to: open(to), phase: query.text('phase') as Phase | undefined }
  return new Moving({ sides: sidesOf('moving:', stores), clock: Date.now, made: true })
}
