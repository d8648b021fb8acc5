import type { Attack, AttackContext } from '../attack.ts'
import { broken, held, seen } from '../finding.ts'
import { attackBy, type People } from '../people.ts'
import { type Answer, type Cookies, headerOf, send, type Visitor } from '../visitor.ts'
import { manyInOne } from './many.ts'
import { everywhere } from './promises.ts'

interface Alteration {
  readonly kind: string
  readonly name: string
  readonly value: string
}

export const alterCookie: Attack = attackBy(
  {
    name: 'alter-a-cookie',
    title: 'Alter a cookie',
    property: 'integrity',
    attacker: 'the visitor, or anyone who can write the browser’s cookies',
    how: 'In the cookies of a signed-in user, every bit of every byte is flipped; they are cut at every length, made longer, spliced with those of another user at every place, and spelled in other ways. Held: nothing opens a session that the server has not made in exactly this form.',
    docs: 'docs/security.md#the-cookie',
    harmless: true,
    violent: false,
    promised: everywhere,
  },
  async (people, context) => {
    const [ada, bob] = [await people.signedIn(people.user('ada')), await people.signedIn(people.user('bob'))]
    const alterations = [...alterationsOf(ada.cookies, bob.cookies)]
    const accepted = await tryAll(people, ada, alterations, context)
    // A spelling that the server takes for the same cookie gives what its owner has anyway.
    const own = await Promise.all([ada, bob].map(async (visitor) => stateIn(await visitor.send('/read'))))
    const changed = accepted.filter(({ answer }) => !own.includes(stateIn(answer)))
    const evidence = [
      ...countsOf(alterations).map(([kind, count]) => seen(`${kind}: tried`, count)),
      seen('accepted, with exactly the session that the server had made', accepted.length - changed.length),
      seen('accepted, with another session', changed.length),
      ...changed
        .slice(0, 2)
        .map(({ alteration, answer }) => seen(`opened by a cookie that was ${alteration.kind}`, answer.body)),
    ]
    return changed.length > 0
      ? broken('An altered cookie opens a session that the server has not made.', evidence)
      : held('No altered cookie opens another session than the server has made.', evidence)
  },
)

const stateIn = ({ user, data }: Answer): string => JSON.stringify({ user, data })

function* alterationsOf(cookies: Cookies, others: Cookies): Generator<Alteration> {
  for (const [name, value] of cookies) {
    const other = others.get(name) ?? ''
    const made = new Set([value, other])
    const one = function* (kind: string, values: Iterable<string>): Generator<Alteration> {
      for (const altered of values)
        if (!made.has(altered) && isSendable(altered)) {
          made.add(altered)
          yield { kind, name, value: altered }
        }
    }
    yield* one('flipped in a bit', flipped(value))
    yield* one('flipped in a bit of what it encodes', flippedInside(value))
    yield* one(
      'cut',
      Array.from(value, (_, length) => value.slice(0, length)),
    )
    yield* one(
      'made longer',
      ['A', '=', '0', '.', value].map((more) => value + more),
    )
    yield* one(
      'spliced',
      Array.from(value, (_, at) => value.slice(0, at) + other.slice(at)),
    )
    yield* one('respelled', respelled(value))
  }
}

/** What may be in a cookie's value (RFC 6265 §4.1.1): anything else is another cookie, or none. */
const isSendable = (value: string): boolean => /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/.test(value)

function* flipped(value: string): Generator<string> {
  for (let at = 0; at < value.length; at++)
    for (let bit = 1; bit < 128; bit <<= 1)
      yield value.slice(0, at) + String.fromCharCode(value.charCodeAt(at) ^ bit) + value.slice(at + 1)
}

/** The bits behind the encoding, of each part between separators that is base64url or base64. */
function* flippedInside(value: string): Generator<string> {
  for (const { 0: part, index } of value.matchAll(/[\w+/-]{8,}/g)) {
    const bytes = Buffer.from(part, 'base64')
    const encoding = /[+/]/.test(part) ? 'base64' : 'base64url'
    const rest = value.slice(index + part.length)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const altered = Buffer.from(bytes)
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      yield value.slice(0, index) + altered.toString(encoding).replace(/=+$/, '') + rest
    }
  }
}

/** The same bytes, or letters, in another spelling. */
function respelled(value: string): string[] {
  const last = value.at(-1) ?? ''
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  // The spare bits of the last character of base64, if there are any.
  const spare = [1, 2, 3].map((more) => value.slice(0, -1) + alphabet[(alphabet.indexOf(last) + more) % 64])
  const escaped = `%${value.charCodeAt(0).toString(16).padStart(2, '0')}${value.slice(1)}`
  return [
    ...spare,
    escaped,
    value.toUpperCase(),
    value.toLowerCase(),
    `${value}==`,
    value.replaceAll('-', '+').replaceAll('_', '/'),
    value.replaceAll('+', '-').replaceAll('/', '_'),
  ]
}

async function tryAll(people: People, visitor: Visitor, alterations: readonly Alteration[], { signal }: AttackContext) {
  const batches = await manyInOne(people.site, visitor.cookies, alterations)
  const accepted: { alteration: Alteration; answer: Answer }[] = []
  for (const batch of batches) {
    signal.throwIfAborted()
    const answers = await Promise.all(batch.map(({ header }) => send(people.site, '/read', header)))
    const suspects = batch.filter((_, at) => isSomebody(answers[at])).flatMap(({ members }) => members)
    // One by one: which of a request it was.
    for (const alteration of suspects) {
      const cookies = new Map(visitor.cookies).set(alteration.name, alteration.value)
      const answer = await send(people.site, '/read', headerOf(cookies))
      if (isSomebody(answer)) accepted.push({ alteration, answer })
    }
  }
  return accepted
}

const isSomebody = (answer: Answer | undefined): boolean =>
  answer !== undefined && (answer.user !== null || Object.keys(answer.data).length > 0)

function countsOf(alterations: readonly Alteration[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const { kind } of alterations) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return [...counts]
}
