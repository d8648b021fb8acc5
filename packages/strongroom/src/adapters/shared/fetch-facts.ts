import type { CsrfRequest } from '../../http/csrf.ts'

/** What a Fetch request says of itself. `field` instead of reading the body. */
export function fetchFacts(request: Request, field?: CsrfRequest['field']): CsrfRequest {
  const { method, headers } = request
  const url = URL.parse(request.url)
  return {
    method,
    headers,
    host: headers.get('host') ?? url?.host,
    encrypted: url?.protocol === 'https:',
    field: field ?? ((name) => formField(request, name)),
  }
}

/** More of a form is not read for its token: an upload must not fill the memory before anybody has decided to accept it. */
const MOST = 1024 * 1024

const FORM = /^(?:application\/x-www-form-urlencoded|multipart\/form-data)\b/i

/**
 * A field of the form that a request sends, read from a copy, so that the handler can read it again. Undefined for another type of body,
 * for one that was read already, and for one above 1 MiB.
 */
async function formField(request: Request, name: string): Promise<unknown> {
  const type = request.headers.get('content-type') ?? ''
  if (!FORM.test(type) || request.body === null || request.bodyUsed) return undefined
  const form = await formUpTo(MOST, request.clone())
  return form?.get(name)
}

/** The form that a request sends; null for one of more bytes, of which no more is read, and for what is no form. */
export async function formUpTo(most: number, { body, headers }: Request): Promise<FormData | null> {
  const bytes = body && (await bytesUpTo(most, body))
  if (!bytes) return null
  try {
    return await new Response(bytes, { headers: { 'content-type': headers.get('content-type') ?? '' } }).formData()
  } catch {
    // Not a form, whatever its type says.
    return null
  }
}

/** Null if there is more than may be read. */
async function bytesUpTo(most: number, body: ReadableStream<Uint8Array>): Promise<Blob | null> {
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    // Leaving the loop cancels this body. Of a copy, the handler still gets the whole.
    if (size > most) return null
    chunks.push(new Uint8Array(chunk))
  }
  return new Blob(chunks)
}
