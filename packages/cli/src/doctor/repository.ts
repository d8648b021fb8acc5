import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { locate } from '../locate.ts'

/** How long one call of git may take, in ms. */
const LIMIT = 10_000

interface Answer {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export type Repository =
  | { readonly kind: 'repository'; readonly root: string }
  | { readonly kind: 'none' }
  /** `reason` is a sentence. */
  | { readonly kind: 'unknown'; readonly reason: string }

/** The repository that a folder is in. */
export async function repositoryOf(folder: string): Promise<Repository> {
  const answer = await git(folder, ['rev-parse', '--show-toplevel'])
  if (answer === null)
    return { kind: 'unknown', reason: 'git is not installed here, so what is committed cannot be seen.' }
  if (answer.code === 0) return { kind: 'repository', root: answer.out.replace(/\n$/, '') }
  if (/not a git repository|outside a repository/i.test(answer.err)) return { kind: 'none' }
  const isOther = /dubious ownership/.test(answer.err)
  return {
    kind: 'unknown',
    reason: isOther
      ? 'The repository belongs to another user, so git does not open it. Run this as its owner.'
      : 'git could not open the repository here.',
  }
}

export async function isIgnored(root: string, path: string): Promise<boolean> {
  return (await git(root, ['check-ignore', '-q', '--no-index', '--', path]))?.code === 0
}

export async function isTracked(root: string, path: string): Promise<boolean> {
  return (await git(root, ['ls-files', '--error-unmatch', '--', path]))?.code === 0
}

/**
 * The tracked files that contain one of the strings, as they are now. The strings go through standard input: other users can read the
 * arguments of a program. Null when git cannot tell.
 */
export async function trackedFilesWith(root: string, strings: readonly string[]): Promise<readonly string[] | null> {
  const args = ['grep', '--no-textconv', '-l', '-z', '-a', '-F', '-f', '-']
  const answer = await git(root, args, `${strings.join('\n')}\n`)
  if (answer === null || answer.code === null || answer.code > 1) return null
  return answer.out.split('\0').filter(Boolean)
}

/** What of the history is not here, and so cannot be searched. Null when git cannot tell. */
export async function missingHistory(root: string): Promise<'none' | 'commits' | 'files' | null> {
  const shallow = await git(root, ['rev-parse', '--is-shallow-repository'])
  if (shallow?.code !== 0) return null
  if (shallow.out.trim() !== 'false') return 'commits'
  // A clone with a filter has commits without their files.
  const partial = await git(root, ['config', '--get-regexp', PARTIAL])
  if (partial === null || partial.code === null || partial.code > 1) return null
  return partial.out === '' ? 'none' : 'files'
}

const PARTIAL = '^(extensions\\.partialclone|remote\\..*\\.(promisor|partialclonefilter))$'

/** Objects above this are archives. A bundle with a secret in it, or a dump of a database, is smaller. */
const LARGEST = 32 * 2 ** 20
const MOST_OBJECTS = 50_000

/** Does any version of any file in the history contain one of the strings? Null when there is too much of it, or git cannot tell. */
export async function isInHistory(root: string, strings: readonly string[]): Promise<boolean | null> {
  const list = await git(root, [
    'cat-file',
    '--batch-all-objects',
    '--batch-check=%(objectname) %(objecttype) %(objectsize)',
  ])
  if (list?.code !== 0) return null
  const blobs = list.out.split('\n').flatMap((line) => {
    const [name = '', type, size] = line.split(' ')
    // People paste secrets into the messages of commits and tags, too.
    return type !== 'tree' && Number(size) <= LARGEST ? [name] : []
  })
  if (blobs.length > MOST_OBJECTS) return null
  const child = start(root, ['cat-file', '--batch', '--buffer'])
  if (child === null) return null
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT)
  try {
    child.stdin.end(`${blobs.join('\n')}\n`)
    const isFound = await contains(
      child,
      strings.map((each) => Buffer.from(each)),
    )
    if (isFound) return true
    const [code] = child.exitCode === null && child.signalCode === null ? await once(child, 'close') : [child.exitCode]
    return code === 0 ? false : null
  } finally {
    clearTimeout(timer)
    child.kill('SIGKILL')
  }
}

async function contains(child: ChildProcessWithoutNullStreams, wanted: readonly Buffer[]): Promise<boolean> {
  const longest = Math.max(...wanted.map(({ length }) => length))
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of child.stdout) {
    const bytes = Buffer.concat([rest, chunk as Buffer])
    if (wanted.some((each) => bytes.includes(each))) return true
    // What begins at the end of one piece may go on in the next.
    rest = Buffer.from(bytes.subarray(Math.max(0, bytes.length - longest)))
  }
  return false
}

/** Null when git is not installed. */
async function git(cwd: string, args: readonly string[], input = ''): Promise<Answer | null> {
  const child = start(cwd, args)
  if (child === null) return null
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT)
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  child.stdin.end(input)
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, out, err }
  } finally {
    clearTimeout(timer)
  }
}

function start(cwd: string, args: readonly string[]): ChildProcessWithoutNullStreams | null {
  const program = locate('git')
  if (program === null) return null
  // In English, because the reason of a failure is read; without locks, because nothing may be written; and without a program that
  // the repository names, or a fetch.
  const env = { ...process.env, LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0', GIT_TERMINAL_PROMPT: '0', GIT_NO_LAZY_FETCH: '1' }
  const child = spawn(program, ['--no-pager', '-c', 'core.fsmonitor=false', ...args], {
    cwd,
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // It may end before it has read all of its input.
  child.stdin.on('error', () => {})
  return child
}
