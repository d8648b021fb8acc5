import type { Stats } from 'node:fs'
import type { Check, Topic } from './check.ts'

export interface Owned {
  readonly path: string
  readonly stats: Pick<Stats, 'mode' | 'uid'>
}

const isWindows = process.platform === 'win32'

/** Who else may read or write what is stored: by the modes and the owners of files and folders. */
export function modeChecks(topic: Topic, engine: string, all: readonly Owned[]): readonly Check[] {
  const [modes, owners] = [`${engine}-permissions`, `${engine}-owner`]
  if (isWindows)
    return [modes, owners].map((name) =>
      topic.unknown(name, 'Windows has access lists, which this program does not read.'),
    )
  return [modeCheck(topic, modes, all), ownerCheck(topic, owners, all)]
}

function modeCheck(topic: Topic, name: string, all: readonly Owned[]): Check {
  const shown = (bits: number) => (bits & 0o777).toString(8).padStart(4, '0')
  const written = all.find(({ stats }) => (stats.mode & 0o022) !== 0)
  if (written)
    return topic.red(
      name,
      `Other users can write to ${written.path} (mode ${shown(written.stats.mode)}): they can end sessions, and bring ended ones back.`,
      `chmod go-rwx '${written.path}'`,
    )
  const read = all.find(({ stats }) => (stats.mode & 0o055) !== 0)
  if (read)
    return topic.amber(
      name,
      `Other users can read ${read.path} (mode ${shown(read.stats.mode)}): who is signed in, when and how much, and all data if the seal is none.`,
      `chmod go-rwx '${read.path}'`,
    )
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
