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
export const MOST_OF_FORM = 1024 * 1024

const URLENCODED = /^application\/x-www-form-urlencoded\b/i
const MULTIPART = /^multipart\/form-data\b/i

/**
 * A field of the form that a request sends, read from a copy, so that the handler can read it again. Undefined for another type of body,
 * for one that was read already, and for one above 1 MiB.
 */
async function formField(request: Request, name: string): Promise<unknown> {
  const type = request.headers.get('content-type') ?? ''
  if (request.body === null || request.bodyUsed) return undefined
  if (MULTIPART.test(type)) return (await formUpTo(MOST_OF_FORM, request.clone()))?.get(name)
  if (!URLENCODED.test(type)) return undefined
  const { body } = request.clone()
  const bytes = body && (await bytesUpTo(MOST_OF_FORM, body))
  return bytes ? urlencodedField(await bytes.text(), name) : undefined
}

/**
 * The first value of a field. Not by URLSearchParams or formData() of the whole: in Node their time grows with the square of the number
 * of names without a value, and anyone could keep a server busy for seconds with one form of 1 MiB.
 */
function urlencodedField(form: string, name: string): string | undefined {
  for (let at = 0; at < form.length; ) {
    const and = form.indexOf('&', at)
    const end = and < 0 ? form.length : and
    // No byte takes more than three characters.
    const given = form.slice(at, Math.min(end, at + 3 * Buffer.byteLength(name) + 1)).split('=', 1)[0] ?? ''
    if (given === name || (/[%+]/.test(given) && nameIn(given) === name))
      return new URLSearchParams(form.slice(at, end)).get(name) ?? undefined
    at = end + 1
  }
  return undefined
}

const nameIn = (encoded: string) => [...new URLSearchParams(`${encoded}=`).keys()][0]

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
  const reader = body.getReader()
  for (let size = 0; ; ) {
    const { done, value } = await reader.read()
    if (done) return new Blob(chunks)
    size += value.length
    if (size > most) {
      // Not awaited, as leaving a loop over the body would: for a copy, it waits until the handler has read or cancelled the other half, and
      // the handler would wait for this. Of a copy, the handler still gets the whole.
      reader.cancel().catch(() => undefined)
      return null
    }
    chunks.push(new Uint8Array(value))
  }
}
