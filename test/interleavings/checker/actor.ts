import { StoreError, StrongroomError } from '../../../packages/strongroom/src/errors.ts'
import type { LoginOptions } from '../../../packages/strongroom/src/session/login.ts'
import type { Session } from '../../../packages/strongroom/src/session/session.ts'
import type { Sessions } from '../../../packages/strongroom/src/sessions.ts'
import type { Anything } from '../../core/fixtures/fixture.ts'
import type { User } from './place.ts'
import { ACTORS, type ActorName, type Cookie, cookieHeader, cookieOf, type Deed, type Scene } from './scene.ts'

const ENDS: ReadonlySet<string> = new Set([
  'logout',
  'logout with the first cookie',
  'revoke',
  'revoke all',
  'revoke others',
  'login and revoke others',
  'logout with two cookies',
])

/** Returns `none` if there is nothing to do. */
type Handler = (session: Session<Anything>) => unknown
export type Result = 'none' | 'done'

export interface Verb {
  readonly name: string
  readonly act: (me: Actor, deed: Deed) => Promise<Result>
}

/** A browser, or somebody with a copy of its cookie, that does one verb after another. */
export class Actor {
  readonly name: ActorName
  readonly scene: Scene
  readonly sessions: Sessions<Anything>
  readonly first: Cookie | null
  cookie: Cookie | null
  #deed: Deed | null = null

  /** Of another session of the same browser. */
  get other(): Cookie | null {
    return this.scene.start.get(this.first?.line.name === 'S1' ? 'S0' : 'S1') ?? null
  }

  constructor(name: ActorName, scene: Scene) {
    this.name = name
    this.scene = scene
    this.sessions = scene.node(name)
    const start = ACTORS[name]
    this.first = this.cookie = start === null ? null : (scene.start.get(start) ?? null)
  }

  /** Does the verbs. What a session refuses is a result; everything else that is thrown is an error of the test. */
  async perform(verbs: readonly Verb[]): Promise<void> {
    for (const [at, { name, act }] of verbs.entries()) {
      const deed = this.#begin(name, at)
      try {
        deed.result = await act(this, deed)
      } catch (error) {
        if (!(error instanceof StrongroomError) || error instanceof StoreError) throw error
        deed.result = error
      }
    }
  }

  #begin(verb: string, at: number): Deed {
    const deed: Deed = {
      actor: this.name,
      verb,
      key: `${verb} by ${this.name}${at}`,
      ends: ENDS.has(verb),
      isLogin: false,
      first: null,
      last: null,
      begin: null,
      presented: null,
      besides: null,
      loaded: null,
      result: null,
      received: null,
      setCookie: undefined,
    }
    this.scene.deeds.push(deed)
    this.scene.gates.begin(this.name, deed)
    this.#deed = deed
    return deed
  }

  async request(handler: Handler, presented = this.cookie, besides: Cookie | null = null): Promise<Result> {
    const deed = this.#deed as Deed
    const came = this.scene.gates.step
    const visit = this.sessions.open(cookieHeader(presented, besides))
    const session = await visit.get()
    deed.presented = presented
    deed.besides = besides
    deed.loaded = {
      user: session.userId,
      handle: session.handle,
      isLive: !session.isNew,
      since: deed.first ?? came,
    }
    const result = await handler(session)
    this.#receive(deed, cookieOf((await visit.commit()).setCookie), session)
    return result === 'none' ? 'none' : 'done'
  }

  login(user: User, options?: LoginOptions): Promise<Result> {
    const deed = this.#deed as Deed
    return this.request((session) => {
      deed.isLogin = true
      session.login(this.scene.place.users[user], options)
    })
  }

  async operate(work: (user: ReturnType<Sessions['of']>) => Promise<unknown>): Promise<Result> {
    await work(this.sessions.of(this.scene.place.users.u))
    return 'done'
  }

  /** Sorts the new cookie under the session that it belongs to. */
  #receive(deed: Deed, text: string | null | undefined, session: Session<Anything>): void {
    deed.setCookie = text
    if (text === undefined) return
    if (text === null) {
      this.cookie = null
      return
    }
    const handle = `${session.handle}`
    const before = deed.presented
    const { isLive, handle: loaded } = deed.loaded ?? {}
    const goesOn = before && ((isLive && !deed.isLogin) || before.handle === handle || loaded === handle)
    const line = goesOn ? before.line : this.#newLine(deed, session)
    deed.received = this.scene.hand(text, line, handle)
    if (!deed.verb.endsWith('unanswered')) this.cookie = deed.received
  }

  #newLine(deed: Deed, { userId }: Session<Anything>) {
    const { users } = this.scene.place
    const user = userId === users.u ? 'u' : userId === users.v ? 'v' : null
    const login = deed.isLogin ? deed : null
    return { name: deed.key, user, login, parent: login && (deed.presented?.line ?? null) } as const
  }
}
