import { StrongroomError } from '../../errors.ts'
import type { Visit } from '../../request/visit.ts'

/** What a visitor may know of an error: of one that is not ours, only that there was one. */
export function shownOf(error: unknown): { readonly status: number; readonly publicMessage: string } {
  if (error instanceof StrongroomError) return { status: error.status, publicMessage: error.publicMessage }
  return { status: 500, publicMessage: 'Internal Server Error' }
}

/**
 * For an error whose page is made elsewhere: of what came before it, only a logout is saved. If even that fails, the error that came first
 * is the one to report.
 */
export async function commitLogout(visit: Pick<Visit<object>, 'commit'>): Promise<void> {
  try {
    await visit.commit(500)
  } catch {}
}
