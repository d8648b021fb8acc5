import type { Stats } from 'node:fs'
import type { Check, Topic } from './check.ts'
import { modeOf, othersMay, strangerOn, type Way } from './way.ts'

export interface Owned {
  readonly path: string
  /** Of what is there in the end: the mode of a symbolic link says nothing. */
  readonly stats: Pick<Stats, 'mode' | 'uid' | 'gid'>
}

const isWindows = process.platform === 'win32'

interface Stored {
  readonly engine: 'file' | 'sqlite'
  /** What the sessions are in. The first says whose they are. */
  readonly all: readonly Owned[]
  /** To the first of them. */
  readonly way: Way
}

/** Who else may read or write what is stored: by the modes and the owners of files and folders, and of the folders on the way. */
export function modeChecks(topic: Topic, { engine, all, way }: Stored): readonly Check[] {
  const [modes, owners] = [`${engine}-permissions`, `${engine}-owner`]
  if (isWindows)
    return [modes, owners].map((name) =>
      topic.unknown(name, 'Windows has access lists, which this program does not read.'),
    )
  return [modeCheck(topic, modes, { engine, all, way }), ownerCheck(topic, owners, all)]
}

function modeCheck(topic: Topic, name: string, { engine, all, way }: Stored): Check {
  // The file engine refuses a folder that its group may write to, even if nobody else is in it.
  const may = engine === 'file' ? ({ mode }: Owned['stats']) => mode & 0o077 : othersMay
  const written = all.find(({ stats }) => (may(stats) & 0o022) !== 0)
  if (written)
    return topic.red(
      name,
      `Other users can write to ${written.path} (mode ${modeOf(written.stats)}): they can end sessions, and bring ended ones back.`,
      `chmod go-rwx '${written.path}'`,
    )
  const stranger = strangerOn(way)
  const instead = `${stranger?.what} to the sessions: others can be put in their place.`
  if (stranger?.level === 'red') return topic.red(name, instead, stranger.mend)
  const read = all.find(({ stats }) => (may(stats) & 0o055) !== 0)
  if (read)
    return topic.amber(
      name,
      `Other users can read ${read.path} (mode ${modeOf(read.stats)}): who is signed in, when and how much, and all data if the seal is none.`,
      `chmod go-rwx '${read.path}'`,
    )
  if (stranger) return topic.amber(name, instead, stranger.mend)
  return topic.green(name, 'Only their owner can read and write the sessions.')
}

function ownerCheck(topic: Topic, name: string, all: readonly Owned[]): Check {
  const [first] = all
  const uid = process.getuid?.() ?? 0
  const owners = [...new Set(all.map(({ stats }) => stats.uid))]
  const folder = first?.path ?? ''
  if (owners.length > 1)
    return topic.red(
      name,
      `What is in ${folder} belongs to several users (${owners.join(', ')}), so no one of them can open all of it.`,
      `chown -R ${first?.stats.uid} '${folder}', and run the application and the command line as that user.`,
    )
  const [owner = 0] = owners
  if (uid === 0 && owner !== 0) return topic.green(name, `The sessions belong to the user ${owner}.`)
  if (owner !== uid)
    return topic.amber(
      name,
      `The sessions belong to the user ${owner}, and this is the user ${uid}: one of the two cannot be the application.`,
      'Run the application, and this command, as the owner of the sessions.',
    )
  if (owner === 0)
    return topic.amber(
      name,
      'The sessions belong to root, so the application runs as root: a hole in it gives the whole machine away.',
      `Run the application as a user of its own: chown -R app '${folder}'`,
    )
  return topic.green(name, 'The sessions belong to this user.')
}
