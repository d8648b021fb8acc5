import { readFileSync, statSync } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import type { Check, Topic } from './check.ts'
import { isIgnored, isTracked, repositoryOf } from './repository.ts'

/** Who else gets the file in which the secrets are. Nothing to say when there is none. */
export async function envFileChecks(topic: Topic, path: string, isProduction: boolean): Promise<readonly Check[]> {
  const name = basename(path)
  // Through symbolic links: deployments link .env to a file that they share, and its mode is the one that counts.
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => error)
  if (stats instanceof Error) {
    if (stats.code === 'ENOENT' || stats.code === 'ENOTDIR') return []
    return [
      topic.unknown(
        'env-file-permissions',
        `${name} could not be looked at (${stats.code}).`,
        'Run this as the user of the application.',
      ),
    ]
  }
  if (!stats.isFile()) return []
  const open = process.platform !== 'win32' && (stats.mode & 0o077) !== 0
  const what = `Other users of this machine can read ${name} (mode ${(stats.mode & 0o777).toString(8).padStart(4, '0')}), in which the secrets are.`
  const mode = open
    ? topic[isProduction ? 'red' : 'amber']('env-file-permissions', what, `chmod 600 ${name}`)
    : topic.green('env-file-permissions', `Only its owner can read ${name}.`)
  const target = await realpath(path)
  const link = target === resolve(path) ? [] : [await repositoryCheck(topic, target, basename(target))]
  const worst = link.find(({ level }) => level === 'red')
  return [mode, worst ?? (await repositoryCheck(topic, path, name))]
}

async function repositoryCheck(topic: Topic, path: string, name: string): Promise<Check> {
  const check = 'env-file-repository'
  const repository = await repositoryOf(dirname(path))
  if (repository.kind === 'unknown') return topic.unknown(check, repository.reason)
  if (repository.kind === 'none') return topic.green(check, `${name} is in no git repository.`)
  if (await isTracked(repository.root, path))
    return topic.red(
      check,
      `git tracks ${name}: everyone who has the repository has what is in it.`,
      `git rm --cached ${name}, add it to .gitignore, and replace the secrets: npx @strongroom/cli keys new`,
    )
  if (await isIgnored(repository.root, path)) return topic.green(check, `git ignores ${name}.`)
  return topic.red(
    check,
    `git does not ignore ${name}: the next "git add ." commits the secrets.`,
    `echo ${name} >> .gitignore`,
  )
}

/** Ms since the file that holds the first of the secrets was changed; null if it does not hold it. */
export function fileAge(path: string, [current]: readonly string[], now: number): number | null {
  try {
    if (!current || !readFileSync(path, 'utf8').includes(current)) return null
    return now - statSync(path).mtimeMs
  } catch {
    return null
  }
}
