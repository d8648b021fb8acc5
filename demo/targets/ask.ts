import { type Answer, type Cookies, KEY_HEADER, type Target } from './target.ts'

/** How long an application may take to answer: longer than its own limit for a store that does not. */
const TIME_LIMIT = 8000
const ANONYMOUS: Answer = { user: null, note: null, count: 0 }

export interface Question {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly fields?: Readonly<Record<string, string>>
  readonly cookies: Cookies
}

export interface Reply extends Answer {
  readonly status: number
  /** The lines of Set-Cookie. */
  readonly setCookie: readonly string[]
}

/** One HTTP request to the application of a target. Rejects when it does not answer at all. */
export async function ask({ url }: Pick<Target, 'url'>, key: string, question: Question): Promise<Reply> {
  const { method, path, fields = {}, cookies } = question
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const response = await fetch(url + path, {
    method,
    headers: { [KEY_HEADER]: key, ...(cookie && { cookie }) },
    ...(method === 'POST' && { body: new URLSearchParams(fields) }),
    signal: AbortSignal.timeout(TIME_LIMIT),
  })
  const body = (await response.json()) as Partial<Answer>
  return { ...ANONYMOUS, ...body, status: response.status, setCookie: response.headers.getSetCookie() }
}
