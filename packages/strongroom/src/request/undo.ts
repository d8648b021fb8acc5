import type { Loaded } from '../backing/backing.ts'
import type { SessionsContext } from '../context.ts'

/**
 * The step that a session, which was just stored, depends on. If it fails, the session is ended: nobody will ever have the
 * cookie that opens it now, and it would be listed and count. Rejects with the step's own error.
 */
export async function orUndo<T>(
  { backing }: Pick<SessionsContext, 'backing'>,
  { ref }: Loaded,
  step: () => Promise<T>,
): Promise<T> {
  try {
    return await step()
  } catch (error) {
    await backing.discard(ref).catch(() => undefined)
    throw error
  }
}
