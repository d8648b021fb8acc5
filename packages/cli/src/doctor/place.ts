import { realpath, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, resolve, sep } from 'node:path'
import { messageOf } from '../failure.ts'
import type { Check, Topic } from './check.ts'
import { endOf } from './examine.ts'
import { fileSystemCheck, spaceCheck } from './file-systems.ts'
import { isIgnored, repositoryOf } from './repository.ts'

/** What is emptied at a restart, or by the system after some days. */
const TEMPORARY = ['/tmp', '/var/tmp', '/dev/shm', '/run']

/** What programs serve to everybody, by names that frameworks and web servers have for it. */
const SERVED = ['public', 'public_html', 'htdocs', 'wwwroot', 'static', 'assets']

const REBUILT = ['node_modules', 'dist', 'build', '.next', '.cache']

/** Where a store on this machine is: on which file system, in which folder, and who else gets it. `given` exists. */
export async function placeChecks(topic: Topic, engine: 'file' | 'sqlite', given: string): Promise<readonly Check[]> {
  // Through symbolic links: a path in a folder of its own may lead to one that is emptied.
  const path = await realpath(given)
  const found = await statfs(path).catch((error: Error) => error)
  const system =
    found instanceof Error
      ? [topic.unknown(`${engine}-file-system`, `The file system could not be looked at: ${endOf(found.message)}`)]
      : [
          fileSystemCheck(topic, found.type, { engine, platform: process.platform }),
          spaceCheck(topic, found, { engine }),
        ]
  const folders = [resolve(given), path].map((each) => folderCheck(topic, engine, each))
  const folder = folders.find(({ level }) => level === 'red') ?? (folders[0] as Check)
  return [...system, folder, await repositoryCheck(topic, engine, path)]
}

/** For what a store on this machine cannot be without. */
export function notThere(
  topic: Topic,
  name: string,
  { what, error }: { readonly what: string; readonly error: NodeJS.ErrnoException },
): Check {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR')
    return topic.red(
      name,
      `${what} does not exist.`,
      'Check the path, and that its disk is mounted. An application that stores its first session makes it.',
    )
  return topic.unknown(name, `${what} could not be looked at: ${endOf(messageOf(error))}`, 'Run this as its owner.')
}

function folderCheck(topic: Topic, engine: string, path: string): Check {
  const name = `${engine}-folder`
  const mend = 'Put the sessions into a folder of their own, such as /var/lib/app/sessions.'
  const temporary = [...TEMPORARY, tmpdir()].find((folder) => path === folder || path.startsWith(folder + sep))
  if (temporary)
    return topic.red(name, `The sessions are below ${temporary}, which is emptied: everybody is signed out then.`, mend)
  const folders = path.split(sep)
  const served = SERVED.find((each) => folders.includes(each))
  if (served)
    return topic.red(
      name,
      `The sessions are below a folder called ${served}, which web servers usually send to anyone who asks.`,
      mend,
    )
  const rebuilt = REBUILT.find((each) => folders.includes(each))
  if (rebuilt)
    return topic.red(
      name,
      `The sessions are below ${rebuilt}, which is made again at an installation or a build.`,
      mend,
    )
  return topic.green(name, 'The sessions are in a folder that nothing else uses.')
}

async function repositoryCheck(topic: Topic, engine: string, path: string): Promise<Check> {
  const name = `${engine}-repository`
  const folder = dirname(path)
  const repository = await repositoryOf(folder)
  if (repository.kind === 'unknown') return topic.unknown(name, repository.reason)
  if (repository.kind === 'none') return topic.green(name, 'The sessions are in no git repository.')
  if (await isIgnored(repository.root, path)) return topic.green(name, 'git ignores the sessions.')
  return topic.red(
    name,
    'The sessions are in a git repository that does not ignore them: the next "git add ." commits them.',
    `Add ${path.slice(repository.root.length + 1)} to .gitignore.`,
  )
}
