import type { Played } from './run.ts'
import { type Cookie, cookieHeader, type Deed, type Line, type Scene } from './scene.ts'
import { type Actor, LIMIT } from './verbs.ts'

/** The invariants of the protocol. I8 is the same for sessions in cookies. */
export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8'

export interface Violation {
  readonly invariant: Invariant
  /** Without names of this run, so that the same fault has the same text in every run. */
  readonly what: string
}

/** What a cookie opens after the schedule. */
interface Opened {
  readonly cookie: Cookie
  readonly user: string | null
  readonly handle: string | null
  readonly keys: ReadonlySet<string>
}

const never = Number.POSITIVE_INFINITY
const endsAll = ({ verb }: Deed) => verb === 'revoke all' || verb === 'revoke others'
const isDone = ({ result }: Deed) => result === 'done'
const firstOf = ({ first }: Deed) => first ?? never
const lastOf = ({ last }: Deed) => last ?? never
/** A login begins when its first operation has been carried out. */
const beginOf = ({ begin, first }: Deed) => begin ?? first ?? never

/** Checks everything that must be true now, by presenting every cookie that was handed out, as a client that nobody knows. */
export async function violations(scene: Scene, { actors }: Played): Promise<Violation[]> {
  scene.place.clock.advance(scene.place.staleFor)
  const open = (await Promise.all(scene.cookies.map((cookie) => present(scene, cookie)))).filter((one) => one !== null)
  const found = scene.place.inCookies ? inCookies(new Aftermath(scene, open, [])) : await inStore(scene, open, actors)
  return [...new Map(found.map((one) => [`${one.invariant} ${one.what}`, one])).values()]
}

/** What holds where nobody can list or count sessions, and each copy of a cookie has its own data. */
const inCookies = (aftermath: Aftermath): Violation[] =>
  [...aftermath.ended(), ...aftermath.loads(), ...aftermath.revokedAll(), ...aftermath.beforeLogin()].map(
    ({ what }) => ({ invariant: 'I8', what }),
  )

async function inStore(scene: Scene, open: readonly Opened[], actors: readonly Actor[]): Promise<Violation[]> {
  const listed = await scene.outside.of(scene.place.users.u).list()
  const aftermath = new Aftermath(
    scene,
    open,
    listed.map(({ handle }) => handle),
  )
  return [
    ...aftermath.ended(),
    ...aftermath.loads(),
    ...aftermath.revokedAll(),
    ...aftermath.acknowledgedWrites(),
    ...aftermath.oneOfEach(),
    ...actors.flatMap((actor) => [...aftermath.staysSignedIn(actor)]),
    ...aftermath.page(),
    ...aftermath.refusals(),
    ...aftermath.handles(),
    ...aftermath.limit(),
    ...aftermath.beforeLogin(),
  ]
}

async function present({ outside }: Scene, cookie: Cookie): Promise<Opened | null> {
  const session = await outside.open(cookieHeader(cookie)).get()
  if (session.isNew) return null
  return { cookie, user: session.userId, handle: session.handle, keys: new Set(session.keys()) }
}

class Aftermath {
  readonly #scene: Scene
  readonly #open: readonly Opened[]
  readonly #listed: ReadonlySet<string>
  readonly #deeds: readonly Deed[]

  constructor(scene: Scene, open: readonly Opened[], listed: readonly string[]) {
    this.#scene = scene
    this.#open = open
    this.#listed = new Set(listed)
    this.#deeds = scene.deeds
  }

  #lives(line: Line): boolean {
    return this.#open.some(({ cookie }) => cookie.line === line)
  }

  #logins(parent: Line): Deed[] {
    return this.#deeds.filter((deed) => deed.isLogin && isDone(deed) && deed.presented?.line === parent)
  }

  /** What a logout or a revocation has ended opens for nobody. */
  *ended(): Iterable<Violation> {
    const revoked = this.#scene.start.get('S0')?.line
    for (const deed of this.#deeds.filter(isDone)) {
      if (deed.verb === 'revoke' && revoked && this.#lives(revoked))
        yield { invariant: 'I1', what: 'a session that was revoked by its handle is alive' }
      if (!deed.verb.startsWith('logout') || !deed.presented) continue
      // An anonymous session may have been planted: who holds a superseded cookie of one can end nothing.
      const { line } = deed.presented
      if ((line.user !== null || deed.loaded?.isLive) && this.#lives(line))
        yield { invariant: 'I1', what: `a session whose owner logged out with ${currencyOf(deed)} is alive` }
    }
  }

  /** Nor did it open for anybody who came after the end had been acknowledged. */
  *loads(): Iterable<Violation> {
    if (this.#scene.place.staleFor > 0) return
    for (const deed of this.#deeds) {
      const line = deed.presented?.line
      if (!line || !deed.loaded?.isLive) continue
      const isOver = this.#deeds.some(
        (end) =>
          isDone(end) &&
          lastOf(end) < firstOf(deed) &&
          end.verb.startsWith('logout') &&
          end.presented?.line === line &&
          (line.user !== null || end.loaded?.isLive),
      )
      if (isOver) yield { invariant: 'I1', what: 'a session opened after its owner had logged out' }
    }
  }

  *revokedAll(): Iterable<Violation> {
    for (const deed of this.#deeds.filter((deed) => isDone(deed) && endsAll(deed)))
      for (const { cookie } of this.#open) {
        const { line } = cookie
        if (line.user !== 'u' || (deed.verb === 'revoke others' && deed.presented?.line === line)) continue
        if (line.login === null || beginOf(line.login) < firstOf(deed))
          yield { invariant: 'I2', what: `a session that began before "${deed.verb}" outlived it` }
      }
  }

  *acknowledgedWrites(): Iterable<Violation> {
    for (const deed of this.#deeds) {
      const line = deed.presented?.line
      if (!(deed.verb === 'write' || deed.verb === 'keep') || !isDone(deed) || !deed.loaded?.isLive || !line) continue
      for (const { cookie, keys } of this.#open)
        if (!keys.has(deed.key) && (cookie.line === line || this.#inherits(cookie.line, line)))
          yield {
            invariant: 'I3',
            what: `an acknowledged write is missing${cookie.line === line ? '' : ' after a login'}`,
          }
    }
  }

  /** Must a login have taken over everything of the anonymous session that it came with? If it was the only one. */
  #inherits(line: Line, from: Line): boolean {
    const isChanged = this.#deeds.some(
      ({ verb, presented }) => presented?.line === from && (verb === 'renew' || verb.startsWith('logout')),
    )
    const isOnly = this.#logins(from).length === 1
    return line.parent === from && line.login?.loaded?.isLive === true && from.user === null && !isChanged && isOnly
  }

  /** One live record for each session, one cookie that opens it, and no record that nobody has a cookie of. */
  *oneOfEach(): Iterable<Violation> {
    const texts = new Map<Line, Set<string>>()
    for (const { cookie } of this.#open) texts.set(cookie.line, (texts.get(cookie.line) ?? new Set()).add(cookie.text))
    if ([...texts.values()].some(({ size }) => size > 1))
      yield { invariant: 'I4', what: 'two cookies of one session open it' }
    const { u } = this.#scene.place.users
    const handles = new Set(this.#open.filter(({ user }) => user === u).map(({ handle }) => `${handle}`))
    if (this.#listed.size > handles.size || [...this.#listed].some((handle) => !handles.has(handle)))
      yield { invariant: 'I4', what: 'a live record that nobody has a cookie of' }
    if ([...handles].some((handle) => !this.#listed.has(handle)))
      yield { invariant: 'I4', what: 'a live session that is not in the list' }
  }

  /** Whoever holds the current cookie stays signed in, unless an end or another holder concerns his session. */
  *staysSignedIn({ name, cookie }: Actor): Iterable<Violation> {
    if (!cookie || this.#open.some((one) => one.cookie === cookie)) return
    const mine = this.#deeds.findLast(({ received }) => received === cookie) ?? null
    if (!this.#isConcerned(cookie.line, name, mine))
      yield {
        invariant: 'I4',
        what: `after ${mine ? `"${mine.verb}"` : 'nothing'} the holder of the current cookie is locked out`,
      }
  }

  /**
   * The requests of one page may be answered in any order, so each Set-Cookie may be the one that its browser has in the end:
   * none may sign it out of what a login or a renewal of the page has made.
   */
  *page(): Iterable<Violation> {
    for (const members of ['OT', 'LM']) {
      const deeds = this.#deeds.filter(({ actor }) => members.includes(actor))
      const moves = deeds.filter(({ isLogin, verb }) => isLogin || verb === 'renew')
      const isPage = this.#deeds.every(({ ends, key }) => !ends && key.endsWith('0')) && moves.length > 0
      if (!isPage || deeds.length < 2 || (moves.length > 1 && moves.some(({ isLogin }) => isLogin))) continue
      if (this.#deeds.some(({ verb }) => verb === 'login over the limit')) continue
      for (const { verb, isLogin, setCookie } of deeds)
        if (
          setCookie !== undefined &&
          !isLogin &&
          !this.#open.some(({ cookie }) => cookie.text === setCookie && isMoved(cookie))
        )
          yield { invariant: 'I4', what: `a page is signed out by its own "${verb}"` }
    }
  }

  /** A login, renewal or write may be refused only if something concerns its session. */
  *refusals(): Iterable<Violation> {
    for (const deed of this.#deeds) {
      if (!(deed.result instanceof Error) || ENDING.has(deed.verb)) continue
      if (deed.verb === 'login at the limit' && deed.result.name === 'SessionLimitError') continue
      if (deed.isLogin) {
        const isEnded = this.#deeds.some((end) => endsAll(end) && overlaps(end, deed) && deed.verb !== 'login as v')
        if (!isEnded) yield { invariant: 'I4', what: `"${deed.verb}" was refused, and nothing had ended it` }
      } else if (deed.presented && !this.#isConcerned(deed.presented.line, deed.actor, null))
        yield { invariant: 'I4', what: `"${deed.verb}" was refused, and nothing concerned its session` }
    }
  }

  /** Did another actor do something by which a session may end, or by which this holder's cookie may be superseded? */
  #isConcerned(line: Line, actor: string, mine: Deed | null): boolean {
    return this.#deeds.some((deed) => {
      if (deed.actor === actor) return false
      if (mine?.isLogin && line.login === mine && lastOf(deed) < beginOf(mine)) return false
      const shares = deed.presented?.line === line
      if (deed.verb === 'revoke') return line.name === 'S0'
      if (endsAll(deed)) return line.user === 'u' && !(deed.verb === 'revoke others' && shares)
      if (deed.verb === 'login over the limit' && line.user === 'u') return true
      return shares && (deed.verb.startsWith('logout') || deed.isLogin || (deed.verb === 'renew' && mine === null))
    })
  }

  *handles(): Iterable<Violation> {
    for (const { verb, presented, received } of this.#deeds)
      if (verb === 'renew' && presented && received && presented.handle !== received.handle)
        yield { invariant: 'I5', what: 'a renewal changed the handle' }
  }

  *limit(): Iterable<Violation> {
    const logins = this.#deeds.filter(({ verb }) => verb.startsWith('login'))
    if (logins.some(({ verb }) => verb === 'login') || !logins.some(({ verb }) => verb.includes('limit'))) return
    if (this.#listed.size > LIMIT) yield { invariant: 'I6', what: 'there are more sessions than the limit allows' }
  }

  /** A cookie from before a login opens nothing afterwards, and never what belongs to a user. */
  *beforeLogin(): Iterable<Violation> {
    const { users } = this.#scene.place
    for (const { cookie, user } of this.#open)
      if (user !== (cookie.line.user && users[cookie.line.user]))
        yield { invariant: 'I7', what: 'a cookie opens the session of somebody else' }
    for (const deed of this.#deeds) {
      const { isLogin, presented, received, loaded } = deed
      if (!isDone(deed) || !presented || !received) continue
      if (this.#open.some(({ cookie }) => cookie === presented) && (isLogin || deed.verb === 'renew'))
        yield { invariant: 'I7', what: `the cookie from before "${deed.verb}" still opens` }
      const isOwn = presented.line.user === received.line.user
      if (isLogin && received.line !== presented.line && (loaded?.isLive || isOwn) && this.#lives(presented.line))
        yield { invariant: 'I7', what: `the session that "${deed.verb}" came with lives on` }
    }
  }
}

/** Does the cookie come from a login or a renewal? */
const isMoved = ({ line }: Cookie) =>
  line.login !== null || line.parent !== null || ['S0', 'S1', 'A'].includes(line.name)
const ENDING = new Set(['logout', 'logout with the first cookie', 'revoke', 'revoke all', 'revoke others'])
const overlaps = (end: Deed, login: Deed) => firstOf(end) <= lastOf(login) && lastOf(end) >= beginOf(login)
const currencyOf = ({ loaded }: Deed) => (loaded?.isLive ? 'the current cookie' : 'a superseded cookie')
