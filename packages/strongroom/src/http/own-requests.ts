/** Requests that browsers make by themselves, and to which this library responds. Nothing of it throws or rejects. */
export interface OwnRequests {
  /** The response, if it is one of them; otherwise null, and nothing was done. */
  fetch(request: Request): Promise<Response> | null
  /** The same for node:http and node:http2. Resolves when the response has been handed to Node. */
  node(request: OwnNodeRequest, response: OwnNodeResponse): Promise<void> | null
}

/** What is used of Node's request. */
export interface OwnNodeRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  /** Of Express, which takes the path that it is mounted at out of `url`. */
  readonly originalUrl?: string | undefined
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined }
}

/** What is used of Node's response. */
export interface OwnNodeResponse {
  statusCode: number
  setHeader(name: string, value: string | string[]): unknown
  end(body: string): unknown
}
