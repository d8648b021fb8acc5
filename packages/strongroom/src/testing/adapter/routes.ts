import type { Answer, Route } from './subject.ts'

type Lines = Answer['headers']

export const text = (body: string, headers: Lines = []): Answer => ({
  status: 200,
  headers: [['Content-Type', 'text/plain; charset=utf-8'], ...headers],
  body,
})

export const json = (value: unknown): Answer => ({
  status: 200,
  headers: [['Content-Type', 'application/json']],
  body: JSON.stringify(value),
})

export const status = (status: number, body: Answer['body'] = null, headers: Lines = []): Answer => ({
  status,
  headers,
  body,
})

/** Chunks of text, sent as they come. */
export const stream = (chunks: () => AsyncIterable<string>): Answer => ({
  status: 200,
  headers: [['Content-Type', 'text/plain; charset=utf-8']],
  body: encoded(chunks()),
})

async function* encoded(chunks: AsyncIterable<string>) {
  for await (const chunk of chunks) yield new TextEncoder().encode(chunk)
}

export const NOT_FOUND: Route = () => status(404, 'not found')

/** What nearly every conversation needs; each property adds its own. */
export const STANDARD: Readonly<Record<string, Route>> = {
  '/plain': () => text('plain'),
  async '/read'({ session }) {
    const s = await session()
    return json({ userId: s.userId, ...Object.fromEntries(s.keys().map((key) => [key, s.get(key)])) })
  },
  async '/set'({ query, session }) {
    const s = await session()
    for (const [key, value] of query) s.set(key, value)
    return text('set')
  },
  async '/login'({ query, session }) {
    const s = await session()
    s.login(query.get('user') ?? 'ada')
    return text('welcome')
  },
  async '/logout'({ session }) {
    const s = await session()
    s.logout()
    return text('bye')
  },
}
