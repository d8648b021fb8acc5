/** The response's body, and the Cookie header that the visitor has now. */
export interface Answer {
  readonly body: { readonly value?: unknown; readonly n?: number }
  readonly cookie: string
  readonly setsCookie: boolean
}

export async function ask(origin: string, path: string, cookie = ''): Promise<Answer> {
  const response = await fetch(`${origin}${path}`, { headers: cookie ? { cookie } : {} })
  if (!response.ok) throw new Error(`${path} returned status ${response.status}.`)
  const lines = response.headers.getSetCookie()
  return {
    body: (await response.json()) as Answer['body'],
    cookie: updated(cookie, lines),
    setsCookie: lines.length > 0,
  }
}

/** What a browser does with Set-Cookie lines, as far as one host with plain cookies needs it. */
function updated(before: string, lines: readonly string[]): string {
  const pairs = [...before.split('; '), ...lines.map((line) => line.split(';', 1)[0] as string)].filter(Boolean)
  return [...new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair])).values()].join('; ')
}

/** The Cookie headers of `visitors` visitors, who log in with the application's own login. */
export async function logIn(origin: string, visitors: number): Promise<string[]> {
  const cookies: string[] = []
  for (let from = 0; from < visitors; from += 50) {
    const some = Array.from({ length: Math.min(50, visitors - from) }, (_, i) => ask(origin, `/login/${from + i}`))
    cookies.push(...(await Promise.all(some)).map(({ cookie }) => cookie))
  }
  return cookies
}
