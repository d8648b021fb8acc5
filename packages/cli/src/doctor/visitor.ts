import { parseSetCookie, type SetCookie } from './cookie.ts'

/** One response, as a browser without any script sees it. */
export interface Seen {
  readonly url: URL
  readonly status: number
  readonly headers: Headers
  readonly cookies: readonly SetCookie[]
  /** Ms since 1970, before the request and after the response's head. */
  readonly before: number
  readonly after: number
}

/** A chain of redirects, and why it ended before a page. */
export interface Walk {
  readonly seen: readonly Seen[]
  readonly end: 'page' | 'loop' | 'elsewhere' | 'back to http' | 'too many'
}

const MOST_REDIRECTS = 8

interface Options {
  readonly limit: number
  readonly now: () => number
  /** The header to send: cookies that were set before. */
  readonly cookie?: string
}

/** Makes real requests, and only to the host that was named. Rejects when it does not respond. */
export async function visit(from: URL, options: Options): Promise<Walk> {
  const seen: Seen[] = []
  let jar = options.cookie ?? ''
  for (let url = from; seen.length < MOST_REDIRECTS; ) {
    const one = await request(url, { ...options, cookie: jar })
    seen.push(one)
    const location = one.headers.get('location')
    if (one.status < 300 || one.status > 399 || location === null) return { seen, end: 'page' }
    const next = URL.parse(location, url.href)
    if (next === null || next.hostname !== from.hostname || !/^https?:$/.test(next.protocol))
      return { seen, end: 'elsewhere' }
    if (url.protocol === 'https:' && next.protocol === 'http:') return { seen, end: 'back to http' }
    jar = mergeCookies(jar, one.cookies)
    // With the same cookies, the same page sends a visitor to itself for ever.
    if (seen.some((each) => each.url.href === next.href) && one.cookies.length === 0) return { seen, end: 'loop' }
    url = next
  }
  return { seen, end: 'too many' }
}

async function request(url: URL, { limit, now, cookie }: Options): Promise<Seen> {
  const before = now()
  const response = await fetch(url, {
    redirect: 'manual',
    signal: AbortSignal.timeout(limit),
    headers: { 'user-agent': 'strongroom-doctor', accept: 'text/html, */*', ...(cookie && { cookie }) },
  })
  const after = now()
  await response.body?.cancel()
  const { status, headers } = response
  return { url, status, headers, cookies: headers.getSetCookie().map(parseSetCookie), before, after }
}

/** A Cookie header with what was set now, and without what was removed. */
export function mergeCookies(header: string, set: readonly SetCookie[]): string {
  const jar = new Map(
    header
      .split(/;\s*/)
      .filter(Boolean)
      .map((pair) => [pair.split('=', 1)[0] ?? '', pair]),
  )
  for (const { name, value } of set) {
    if (value === '') jar.delete(name)
    else jar.set(name, `${name}=${value}`)
  }
  return [...jar.values()].join('; ')
}
