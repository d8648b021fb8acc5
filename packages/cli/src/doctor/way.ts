import { readFileSync, type Stats } from 'node:fs'
import { lstat, readlink } from 'node:fs/promises'
import { isAbsolute, join, parse, resolve, sep } from 'node:path'

/** What the system goes through to a file: folders, and symbolic links. */
export interface Step {
  readonly path: string
  readonly stats: Stats
}

export interface Way {
  /** From the root on. Each once, also when a link leads back. */
  readonly steps: readonly Step[]
  /** What the path names in the end: never a link. */
  readonly end: Step
}

/** As Linux does. */
const MOST_LINKS = 40

/**
 * Goes where the system would go. The mode of a symbolic link says nothing, so its target is what counts; and anyone who may write to a
 * folder on the way can put a link or a file of their own there. Rejects as `lstat` does.
 */
export async function wayTo(given: string): Promise<Way> {
  const path = resolve(given)
  let at = parse(path).root
  let links = 0
  const rest = namesIn(path.slice(at.length))
  const steps = new Map<string, Step>([[at, { path: at, stats: await lstat(at) }]])
  while (rest.length > 0) {
    const name = rest.shift() ?? ''
    // Name by name from where we are: after a link, ".." is above its target, so the path must not be shortened first.
    const next = join(at, name)
    const stats = await lstat(next)
    steps.set(next, { path: next, stats })
    if (!stats.isSymbolicLink()) {
      at = next
      continue
    }
    links++
    if (links > MOST_LINKS)
      throw Object.assign(new Error(`ELOOP: too many symbolic links, at '${next}'`), { code: 'ELOOP' })
    const target = await readlink(next)
    if (isAbsolute(target)) at = parse(target).root
    rest.unshift(...namesIn(target))
  }
  const end = steps.get(at) as Step
  steps.delete(at)
  return { steps: [...steps.values()], end }
}

const namesIn = (path: string) => path.split(sep).filter((name) => name !== '' && name !== '.')

/** The user of files whose owner is outside of this container. */
const NOBODY = 65_534

/** Who else may change where a way leads: a sentence without its full stop, and what ends that; null for nobody. */
export interface Stranger {
  readonly level: 'red' | 'amber'
  readonly what: string
  readonly mend: string
}

/** Everyone but root and the owner of what is at the end. */
export function strangerOn({ steps, end }: Way): Stranger | null {
  const trusted = [0, NOBODY, end.stats.uid]
  const folders = steps.filter(({ stats }) => !stats.isSymbolicLink())
  // In a folder with the sticky bit, as /tmp, each user may replace only what is theirs.
  const open = folders.find(({ stats }) => (stats.mode & 0o1000) === 0 && (othersMay(stats) & 0o022) !== 0)
  if (open)
    return {
      level: 'red',
      what: `Other users can write to ${open.path} (mode ${modeOf(open.stats)}), which is on the way`,
      mend: `chmod go-w '${open.path}'`,
    }
  const theirs = steps.find(({ stats }) => !trusted.includes(stats.uid))
  if (!theirs) return null
  return {
    level: 'amber',
    what: `${theirs.path}, which is on the way, belongs to the user ${theirs.stats.uid}`,
    mend: `Choose a path through folders of root, and of the user ${end.stats.uid} whom it belongs to.`,
  }
}

/** The bits of the mode that are for others than its owner, without those for a group that has nobody else in it. */
export function othersMay(stats: Pick<Stats, 'mode' | 'uid' | 'gid'>): number {
  return stats.mode & (isPrivate(stats) ? 0o007 : 0o077)
}

/** "0644". */
export const modeOf = ({ mode }: Pick<Stats, 'mode'>) => (mode & 0o777).toString(8).padStart(4, '0')

/**
 * Is it the group that Linux makes for each user? With it, the usual umask is 002, and everything could be written by "others". Only
 * where the files say so: other systems, and servers of users, have groups of the same name with everybody in them.
 */
function isPrivate(ids: Pick<Stats, 'uid' | 'gid'>): boolean {
  if (process.platform !== 'linux') return false
  try {
    return isPrivateGroup(ids, readFileSync('/etc/passwd', 'utf8'), readFileSync('/etc/group', 'utf8'))
  } catch {
    return false
  }
}

/** By the texts of /etc/passwd and /etc/group. */
export function isPrivateGroup({ uid, gid }: Pick<Stats, 'uid' | 'gid'>, passwd: string, group: string): boolean {
  const user = linesOf(passwd).find(([, , id]) => id === `${uid}`)
  const [name, , , members] = linesOf(group).find(([, , id]) => id === `${gid}`) ?? []
  const hasNobodyElse = members === '' || members === name
  return user !== undefined && user[0] === name && user[3] === `${gid}` && hasNobodyElse
}

const linesOf = (text: string) => text.split('\n').map((line) => line.split(':'))
