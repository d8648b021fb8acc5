import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { locate } from '../locate.ts'
import { Unreadable } from './source.ts'

/** The SQL text of an archive, as pg_restore writes it. Throws `why`, with what would help, where there is no pg_restore. */
export function restored(file: string, why: Error): AsyncGenerator<Buffer> {
  const program = locate('pg_restore')
  if (program === null)
    throw new Unreadable(`${why.message}; where pg_restore is (Debian: postgresql-client), it can be read`)
  return output(program, { file, why })
}

async function* output(program: string, { file, why }: { file: string; why: Error }): AsyncGenerator<Buffer> {
  // A file name may look like an option, and may not name another one.
  const child = spawn(program, ['--file=-', '--', file], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(child, 'close')
  ended.catch(() => {})
  try {
    yield* child.stdout
    const [code] = await ended
    if (code !== 0) throw new Unreadable(`${why.message}, and pg_restore could not read it either`)
  } finally {
    child.kill()
  }
}
