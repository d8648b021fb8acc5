import type { Attack } from '../attack.ts'
import { broken, held, notApplicable, seen } from '../finding.ts'
import { attackBy } from '../people.ts'
import { type Answer, isRemoved, route, send } from '../visitor.ts'
import { onTheServer } from './promises.ts'

/** A request that waits longer than this holds its visitor up, and the server with it. */
const LONGEST = 20_000

export const storeAway: Attack = attackBy(
  {
    name: 'store-away',
    title: 'A store that is away for a moment',
    property: 'durable',
    attacker: 'nobody: a restart of the store',
    how: 'The store’s server is killed while people are signed in, and requests of theirs arrive; then it is started again. Held: no request is answered as if its visitor were nobody, none takes the cookie away, each is answered within 20 s, and afterwards the visitor is signed in as before.',
    docs: 'docs/errors.md',
    harmless: false,
    violent: true,
    // What is in memory alone is gone with the server; that is no matter of the moment.
    promised: (row) => onTheServer(row) && row.traits?.durable === 'machine',
  },
  async (people, { signal }) => {
    const { site } = people
    const { server } = site.storage
    if (!server) return notApplicable('No server stands behind these sessions that could be away.')
    const user = people.user('ada')
    const visitor = await people.signedIn(user)
    const { cookies } = visitor
    await server.kill()
    const during = await Promise.all(
      ['/read', route('/set', { key: 'theme', value: 'dark' })].map((path) => answerOrNone(site, path, cookies)),
    )
    await server.start()
    const after = await untilItAnswers(() => answerOrNone(site, '/read', cookies), signal)
    const wrong = during.filter((answer) => answer !== null && isLogout(answer))
    const evidence = [
      seen(
        'statuses while it is away',
        during.map((answer) => answer?.status ?? `none within ${LONGEST / 1000} s`),
      ),
      seen('of these, took the visitor for nobody or took the cookie away', wrong.length),
      seen('the visitor afterwards', after?.user === user ? 'signed in' : `${after?.status ?? 'no answer'}, nobody`),
    ]
    const hasFailed = during.some((answer) => answer === null || answer.status >= 500)
    if (wrong.length === 0 && !hasFailed) throw new Error('Nobody missed the store while it was away.')
    if (wrong.length > 0) return broken('A moment without the store logs people out.', evidence)
    if (during.includes(null)) return broken('Requests hang while the store is away.', evidence)
    return after?.user === user
      ? held('Nobody was logged out.', evidence)
      : broken('After the store is back, the visitor is nobody.', evidence)
  },
)

/** 200 and nobody, or a cookie that is taken away: the application says that there is no session, and does not know. */
const isLogout = ({ status, user, setCookies }: Answer): boolean =>
  (status < 400 && user === null) || setCookies.some(isRemoved)

async function answerOrNone(site: Parameters<typeof send>[0], path: string, cookies: Parameters<typeof send>[2]) {
  try {
    return await send(site, path, cookies, { signal: AbortSignal.timeout(LONGEST) })
  } catch (error) {
    if (error instanceof Error && /abort|timeout/i.test(`${error.name} ${error.message}`)) return null
    throw error
  }
}

/** Drivers reconnect in their own time. */
async function untilItAnswers(ask: () => Promise<Answer | null>, signal: AbortSignal): Promise<Answer | null> {
  for (let tries = 0; ; tries++) {
    signal.throwIfAborted()
    const answer = await ask()
    if ((answer && answer.status < 500) || tries === 100) return answer
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
