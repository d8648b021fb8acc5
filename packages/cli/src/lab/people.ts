import { randomBytes } from 'node:crypto'
import type { Attack, AttackContext, Finding } from './attack.ts'
import type { Site } from './site.ts'
import { type Answer, type Cookies, route, send, Visitor } from './visitor.ts'

/** The visitors and the users of one attack. Nobody else has their names, so attacks on one site do not meet. */
export class People {
  readonly site: Site
  /** What an owner of a session has written there, and nobody else has. */
  readonly note = `note ${randomBytes(12).toString('hex')}`
  readonly #visitors: Visitor[] = []
  readonly #users = new Set<string>()
  readonly #others: Site[] = []

  constructor(site: Site) {
    this.site = site
  }

  user(name: string): string {
    const user = `${name}-${randomBytes(5).toString('hex')}`
    this.#users.add(user)
    return user
  }

  visitor(cookies?: Cookies, site: Site = this.site): Visitor {
    const visitor = new Visitor(site, cookies)
    this.#visitors.push(visitor)
    return visitor
  }

  /** A visitor whose session is left to expire, because there are too many of them. */
  stranger(): Visitor {
    return new Visitor(this.site)
  }

  /** Someone who has signed in and written the note. Rejects where that does not work: then no attack shows anything. */
  async signedIn(user: string, site: Site = this.site): Promise<Visitor> {
    const visitor = this.visitor(undefined, site)
    expectOk('/login', await visitor.send(route('/login', { user })))
    const written = await visitor.send(route('/set', { key: 'note', value: this.note }))
    expectOk('/set', written)
    const read = await visitor.send('/read')
    if (read.user !== user || read.data.note !== this.note)
      throw new Error(
        'The application does not know a visitor who has just signed in, so no attack on it shows anything.',
      )
    return visitor
  }

  /** Another server, or another application with the same secrets; it is stopped after the attack. */
  async another(options?: Parameters<Site['another']>[0]): Promise<Site> {
    const other = await this.site.another(options)
    this.#others.push(other)
    return other
  }

  /** Ends every session that the attack has begun, and stops the other servers. */
  async leave(): Promise<void> {
    // What cannot be ended, because the server is gone or has no such route, expires.
    const end = (path: string, cookies: Cookies | null, site: Site = this.site) =>
      send(site, path, cookies).catch(() => undefined)
    await Promise.all([
      ...this.#visitors.map(({ site, cookies }) => cookies.size > 0 && end('/logout', cookies, site)),
      ...[...this.#users].map((user) => end(route('/revoke-all', { user }), null)),
    ])
    await Promise.all(this.#others.map((site) => site.stop()))
  }
}

/** Is this somebody's session: does the application see the user, or hand out what the user has written? */
export const opens = ({ user, data }: Answer, owner: string, note?: string): boolean =>
  user === owner || (note !== undefined && data.note === note)

/** How many of these cookies open the owner's session. */
export async function countOpen(site: Site, copies: readonly Cookies[], owner: string, note?: string): Promise<number> {
  const answers = await Promise.all(copies.map((cookies) => ask(site, cookies)))
  return answers.filter((answer) => opens(answer, owner, note)).length
}

/** What the application responds to these cookies. A refusal is an answer; a failure is none, because it knows nothing of the cookie. */
export async function ask(site: Site, cookies: Cookies | string | null): Promise<Answer> {
  const answer = await send(site, '/read', cookies)
  if (answer.status >= 500)
    throw new Error(`The application responded with ${answer.status}, so nobody knows whether it takes the cookie.`)
  return answer
}

/** The application lacks this route: its library has no such operation. */
export const isMissing = ({ status }: Answer): boolean => status === 501

export function expectOk(path: string, { status }: Answer): void {
  if (status !== 200)
    throw new Error(`The application responded to ${path} with ${status}, so no attack shows anything.`)
}

type Described = Omit<Attack, 'run'>

/** An attack by people over HTTP. What they began is ended afterwards, whatever came of it. */
export const attackBy = (
  described: Described,
  attack: (people: People, context: AttackContext) => Promise<Finding>,
): Attack => ({
  ...described,
  async run(site, context) {
    const people = new People(site)
    let later: Finding['later']
    try {
      const finding = await attack(people, context)
      later = finding.later
      if (!later) return finding
      // To end everything now would end what the second look is to find alive.
      return { ...finding, later: () => (later as () => Promise<Finding>)().finally(() => people.leave()) }
    } finally {
      if (!later) await people.leave()
    }
  },
})
