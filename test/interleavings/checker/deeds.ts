import type { Deed, Line } from './scene.ts'

const never = Number.POSITIVE_INFINITY

export const isDone = ({ result }: Deed): boolean => result === 'done'
export const firstOf = ({ first }: Deed): number => first ?? never
export const lastOf = ({ last }: Deed): number => last ?? never
/** A login begins when its first operation has been carried out. */
export const beginOf = ({ begin, first }: Deed): number => begin ?? first ?? never
/** Did the end run at a time when the login was under way? */
export const overlaps = (end: Deed, login: Deed): boolean =>
  firstOf(end) <= lastOf(login) && lastOf(end) >= beginOf(login)

export const isLogout = ({ verb }: Deed): boolean => verb.startsWith('logout')
export const renews = ({ verb }: Deed): boolean => verb.startsWith('renew')
const ENDS_ALL = ['revoke all', 'revoke others', 'login and revoke others']
export const endsAll = ({ verb }: Deed): boolean => ENDS_ALL.includes(verb)
/** Is it an end of all sessions but this one? */
export const spares = (deed: Deed, line: Line): boolean =>
  line.login === deed ||
  (deed.presented?.line === line &&
    (deed.verb === 'revoke others' || (deed.verb === 'login and revoke others' && deed.loaded?.isLive === true)))

/** The sessions whose cookies it presented. */
export const linesOf = ({ presented, besides }: Deed): Line[] =>
  [presented, besides].flatMap((cookie) => (cookie ? [cookie.line] : []))
export const presents = (deed: Deed, line: Line): boolean => linesOf(deed).includes(line)
/** An anonymous session may have been planted: who holds a superseded cookie of one can end nothing. */
export const canEnd = (deed: Deed, line: Line): boolean =>
  presents(deed, line) && (line.user !== null || (deed.presented?.line === line && hasOpened(deed)))
/** Was it this cookie that opened? A second one may have opened instead. */
const hasOpened = ({ loaded, presented }: Deed) => loaded?.isLive === true && loaded.handle === presented?.handle
