import { type Cookie, cookieHeader, type Deed, type Line, type Scene } from './scene.ts'

/** The invariants of the protocol. I8 is the same for sessions in cookies. */
export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8'

export interface Violation {
  readonly invariant: Invariant
  /** Without names of this run, so that the same fault has the same text in every run. */
  readonly what: string
}

/** What a cookie opens after the schedule. */
export interface Opened {
  readonly cookie: Cookie
  readonly user: string | null
  readonly handle: string | null
  readonly keys: ReadonlySet<string>
}

/** What is left when a schedule has ended. */
export class Aftermath {
  readonly scene: Scene
  readonly deeds: readonly Deed[]
  readonly open: readonly Opened[]
  /** The handles of the sessions that the user's list shows; null where nobody can list them. */
  readonly listed: ReadonlySet<string> | null

  constructor(scene: Scene, open: readonly Opened[], listed: ReadonlySet<string> | null) {
    this.scene = scene
    this.deeds = scene.deeds
    this.open = open
    this.listed = listed
  }

  /** Presents every cookie that was handed out, as a client that nobody knows. */
  static async of(scene: Scene): Promise<Aftermath> {
    const open = await Promise.all(scene.cookies.map((cookie) => present(scene, cookie)))
    const { inCookies, users } = scene.place
    const listed = inCookies ? null : await scene.outside.of(users.u).list()
    return new Aftermath(
      scene,
      open.filter((one) => one !== null),
      listed && new Set(listed.map(({ handle }) => handle)),
    )
  }

  opens(cookie: Cookie): boolean {
    return this.open.some((one) => one.cookie === cookie)
  }

  lives(line: Line): boolean {
    return this.open.some(({ cookie }) => cookie.line === line)
  }
}

async function present({ outside }: Scene, cookie: Cookie): Promise<Opened | null> {
  const session = await outside.open(cookieHeader(cookie)).get()
  if (session.isNew) return null
  return { cookie, user: session.userId, handle: session.handle, keys: new Set(session.keys()) }
}
