import { StoreError } from 'strongroom'

/** What a call to the disk answers; null for what is not there. */
export async function orAbsent<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Node's own error names the path, and the path ends in a session key: what is kept of it is the code and the call. */
export function unanswered(error: unknown): Error {
  if (error instanceof StoreError) return error
  const { code, errno, syscall } = error as NodeJS.ErrnoException
  if (!syscall) return error as Error
  const cause = Object.assign(new Error(`${code} in ${syscall}`), { code, errno, syscall })
  return new StoreError("Django's session directory did not answer.", { cause })
}
