import { readFileSync, statSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import type { Check, Topic } from './check.ts'
import { isIgnored, isTracked, repositoryOf } from './repository.ts'
import { modeOf, othersMay, strangerOn, wayTo } from './way.ts'

/** Who else gets the file in which the secrets are. Nothing to say when there is none. */
export async function envFileChecks(topic: Topic, path: string, isProduction: boolean): Promise<readonly Check[]> {
  const name = basename(path)
  const mode = await privateCheck(topic, 'env-file-permissions', {
    path,
    what: `${name}, in which the secrets are`,
    isProduction,
  })
  if (mode === null) return []
  const target = await realpath(path).catch(() => null)
  if (target === null) return [mode]
  const link = target === resolve(path) ? [] : [await repositoryCheck(topic, target, basename(target))]
  const worst = link.find(({ level }) => level === 'red')
  return [mode, worst ?? (await repositoryCheck(topic, path, name))]
}

interface Private {
  readonly path: string
  readonly what: string
  readonly isProduction: boolean
}

/** Can only its owner read a file, and say what is in it? Through symbolic links: deployments link .env to one that they share. */
async function privateCheck(topic: Topic, check: string, { path, what, isProduction }: Private): Promise<Check | null> {
  const way = await wayTo(path).catch((error: NodeJS.ErrnoException) => error)
  if (way instanceof Error) {
    if (way.code === 'ENOENT' || way.code === 'ENOTDIR') return null
    return topic.unknown(
      check,
      `${basename(path)} could not be looked at (${way.code}).`,
      'Run this as the user of the application.',
    )
  }
  const { end } = way
  if (!end.stats.isFile()) return null
  if (process.platform === 'win32')
    return topic.unknown(check, 'Windows has access lists, which this program does not read.')
  const level = isProduction ? 'red' : 'amber'
  if (othersMay(end.stats) !== 0)
    return topic[level](
      check,
      `Other users of this machine can ${(othersMay(end.stats) & 0o022) === 0 ? 'read' : 'write to'} ${what} (mode ${modeOf(end.stats)}).`,
      // Of a file that belongs to another user, the application may be in its group: then 600 alone would lock it out.
      end.stats.uid === process.getuid?.()
        ? `chmod 600 '${path}'`
        : `Let it belong to the user of the application (chown), and to nobody else: chmod 600 '${path}'`,
    )
  const stranger = strangerOn(way)
  if (stranger)
    return topic[level](
      check,
      `${stranger.what} to ${what}: others can put one of their own in its place.`,
      stranger.mend,
    )
  return topic.green(check, `Only its owner can read ${basename(path)}.`)
}

/** The keys that prove to PostgreSQL who the application is, by the URLs of stores. */
export async function keyFileChecks(
  topic: Topic,
  urls: readonly string[],
  isProduction: boolean,
): Promise<readonly Check[]> {
  const paths = urls
    .filter((url) => /^postgres(?:ql)?:/i.test(url))
    .flatMap((url) => new URLSearchParams(url.split('?').slice(1).join('?')).get('sslkey') ?? [])
  const found = await Promise.all(
    [...new Set(paths)].map((path) => {
      const what = `${basename(path)}, a private key`
      return privateCheck(topic, 'key-file-permissions', { path, what, isProduction })
    }),
  )
  return found.filter((check) => check !== null)
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
