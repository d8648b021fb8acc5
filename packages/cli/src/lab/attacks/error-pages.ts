import type { Attack } from '../attack.ts'
import { broken, held, seen } from '../finding.ts'
import { attackBy, type People } from '../people.ts'
import { type Answer, route, send } from '../visitor.ts'
import { everywhere } from './promises.ts'
import { madeUpLike } from './tokens.ts'

/** A name that a key of a session could have, and that an error page must not repeat. */
const KEY = 'creditCardNumber'
/** Nine of these are more than a session may have, and one more than a cookie. */
const LARGE = 8_000

export const errorPages: Attack = attackBy(
  {
    name: 'error-pages',
    title: 'What errors tell',
    property: 'private on the server',
    attacker: 'anyone who can make a request fail',
    how: 'A session is made too large, a key is given that the library reserves, a handler fails, a renewal comes too late, and cookies are sent that are none. Every response of 400 and above is read. Held: none has a key of the session, a number of bytes, a value, the name of the store, a path of the server, or a stack.',
    docs: 'docs/errors.md',
    harmless: true,
    violent: false,
    promised: everywhere,
  },
  async (people) => {
    const answers = await provoke(people)
    const errors = answers.filter(({ answer }) => answer.status >= 400)
    if (errors.length === 0) throw new Error('No request failed, so there was no error page to read.')
    const tells = errors.flatMap(({ what, answer }) => toldBy(people, answer).map((told) => ({ what, told })))
    const evidence = [
      seen(
        'errors provoked',
        errors.map(({ what, answer }) => `${what}: ${answer.status}`),
      ),
      seen('bodies', [...new Set(errors.map(({ answer }) => JSON.stringify(answer.body.slice(0, 60))))]),
      seen('of these, tell something', tells.length),
      ...tells.slice(0, 4).map(({ what, told }) => seen(`told by "${what}"`, told)),
    ]
    return tells.length > 0
      ? broken('An error page tells visitors about the session or the server.', evidence)
      : held('The error pages tell nothing of the session or the server.', evidence)
  },
)

interface Provoked {
  readonly what: string
  readonly answer: Answer
}

async function provoke(people: People): Promise<readonly Provoked[]> {
  const { site } = people
  const visitor = await people.signedIn(people.user('ada'))
  const provoked: Provoked[] = []
  for (let part = 0; part < 9; part++) {
    const large = route('/set', { key: `${KEY}${part}`, value: 'x'.repeat(LARGE) })
    provoked.push({ what: 'too large', answer: await visitor.send(large) })
  }
  provoked.push({
    what: 'a reserved key',
    answer: await visitor.send(route('/set', { key: `~${KEY}`, value: people.note })),
  })
  provoked.push({
    what: 'a handler that fails',
    answer: await visitor.send(route('/fail', { key: KEY, value: people.note })),
  })
  const before = visitor.cookies
  await visitor.send('/renew')
  const late = await send(site, route('/set', { key: KEY, value: people.note }), before)
  provoked.push({ what: 'a superseded cookie', answer: late })
  for (const cookies of [madeUpLike(before), new Map([[site.cookieName, '%ff%00{"__proto__":1}']])]) {
    const answer = await people.visitor(cookies).send(route('/set', { key: KEY, value: '1' }))
    provoked.push({ what: 'a cookie that is none', answer })
  }
  return provoked
}

function toldBy({ note, site }: People, { body }: Answer): string[] {
  const engine = `${site.row.engine} ${site.row.traits?.engine ?? ''}`
    .split(/[^a-z]+/)
    .filter((word) => word.length > 3)
  const signs: readonly (readonly [string, RegExp])[] = [
    ['a key of the session', new RegExp(KEY)],
    ['a value of the session', new RegExp(note)],
    ['how many bytes it has', /\b\d{4,}\b/],
    ['a stack', /^\s+at /m],
    ['a path of the server', /(?:\/[\w.-]+){3,}|\bnode:\w+/],
    ...engine.map((word) => [`the store: ${word}`, new RegExp(`\\b${word}\\b`, 'i')] as const),
  ]
  return signs.filter(([, sign]) => sign.test(body)).map(([what]) => what)
}
