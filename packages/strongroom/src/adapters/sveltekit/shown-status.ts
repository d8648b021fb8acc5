import { parseJson } from '../../base/json.ts'
import { statusOf } from '../shared/outcome.ts'

/** Which kind of request a response is for. */
export interface Asked {
  readonly request: Request
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

/** Has `use:enhance` sent the form? It takes a result of SvelteKit's, and shows no error of version 2 in anything else. */
export const isEnhanced = ({ request: { method, headers } }: Asked): boolean =>
  method === 'POST' && headers.get('x-sveltekit-action') === 'true'

/**
 * The status that the visitor sees. SvelteKit's own client is told with a response of 200 that a load function or a remote function has
 * thrown: what that has changed before must not be saved. Up to version 2, `fail(500)` of an action has a 200, too.
 */
export async function shownStatus(asked: Asked, response: Response): Promise<number> {
  const status = statusOf(response)
  if (status !== 200 || !(asked.isDataRequest || asked.isRemoteRequest || isEnhanced(asked))) return status
  if (!/^(?:application\/json|text\/sveltekit-data)\b/.test(response.headers.get('content-type') ?? '')) return status
  const line = await firstLine(response.clone())
  return /"type":"(?:error|failure)"/.test(line) ? Math.max(status, ...statusesIn(line)) : status
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
  if (result?.type === 'failure') return typeof result.status === 'number' ? [result.status] : []
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
