import { isLoaded, type Loaded, type LoadResult, presentedCookie, type SessionRef } from '../backing/backing.ts'
import type { LoadedCookies, SessionsContext } from '../context.ts'
import type { DataFact } from '../session/data-rules.ts'
import { loadOne } from './load.ts'
import { report } from './task.ts'

/** A copy that was loaded, as the application may see it by `dataSchema`. Throws `DataError`. Nothing is written. */
export function fitted(context: SessionsContext, loaded: Loaded): Loaded {
  const tell = (fact: DataFact) => {
    report({ context }, loaded.ref.cookie, (handle) => ({ ...fact, handle }))
    return context.emit.wantsHandle()
  }
  return context.dataRules?.fit(loaded, tell) ?? loaded
}

export function fittedCookies(context: SessionsContext, found: LoadedCookies): LoadedCookies {
  if (context.dataRules === null || found.loaded === null) return found
  return { ...found, loaded: fitted(context, found.loaded) }
}

/** What the cookie of a session that was loaded leads to now, and not in a copy. */
export async function loadFresh(context: SessionsContext, ref: SessionRef): Promise<LoadResult> {
  const result = await loadOne(context, presentedCookie(ref), { fresh: true, wasLoaded: true })
  return isLoaded(result) ? fitted(context, result) : result
}
