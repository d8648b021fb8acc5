import { parseJson } from '../../base/json.ts'
import { statusOf } from '../shared/outcome.ts'

/** Which kind of request a response is for. */
export interface Asked {
  readonly isDataRequest: boolean
  readonly isRemoteRequest?: boolean
}

/** What SvelteKit writes for a load function, or for a remote function. Up to version 2 the status is beside the error. */
interface Result {
  readonly type?: unknown
  readonly status?: unknown
  readonly error?: { readonly status?: unknown }
  readonly nodes?: readonly (Result | null)[]
}

/**
 * The status that the visitor sees. SvelteKit's own client is told with a response of 200 that a load function or a remote function has
 * thrown: what that has changed before must not be saved.
 */
export async function shownStatus({ isDataRequest, isRemoteRequest }: Asked, response: Response): Promise<number> {
  const status = statusOf(response)
  if (status !== 200 || !(isDataRequest || isRemoteRequest)) return status
  if (!/^(?:application\/json|text\/sveltekit-data)\b/.test(response.headers.get('content-type') ?? '')) return status
  const line = await firstLine(response.clone())
  return line.includes('"type":"error"') ? Math.max(status, ...statusesIn(line)) : status
}

/** What streamed promises resolve to comes in later lines, when the session is closed. */
async function firstLine({ body }: Response): Promise<string> {
  const reader = body?.getReader()
  const decoder = new TextDecoder()
  for (let text = ''; ; ) {
    const chunk = await reader?.read()
    text += decoder.decode(chunk?.value, { stream: true })
    const end = text.indexOf('\n')
    if (end < 0 && chunk && !chunk.done) continue
    // Not awaited: it is over when the visitor has read the response, too.
    void reader?.cancel()
    return end < 0 ? text : text.slice(0, end)
  }
}

function statusesIn(line: string): number[] {
  const result = resultIn(line)
  return [result, ...(result?.nodes ?? [])].flatMap((node) => {
    if (node?.type !== 'error') return []
    const status = node.error?.status ?? node.status
    return [typeof status === 'number' ? status : 500]
  })
}

/** Null for what is not SvelteKit's, but from a hook that has responded itself. */
function resultIn(line: string): Result | null {
  try {
    return parseJson(line) as Result | null
  } catch {
    return null
  }
}
