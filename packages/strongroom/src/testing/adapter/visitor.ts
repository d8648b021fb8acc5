import assert from 'node:assert/strict'
import { Jar } from '../jar.ts'
import type { Client, Exchange, Incoming } from './client.ts'

/** A response: its head, and the part of its body that was read. */
export interface Page {
  readonly status: number
  readonly bytes: Buffer
  readonly text: string
  /** All lines of a header. */
  all(name: string): string[]
  header(name: string): string | undefined
}

/** A response whose head, chunks and end the test reads one by one. */
export interface StreamedPage {
  readonly head: Promise<Page>
  /** Resolves to the text of the next chunk, or to null at the end. */
  next(): Promise<string | null>
  /** Disconnects the client. */
  leave(): void
}

interface RequestOptions {
  readonly method?: string
  /** Sent instead of the cookies in the jar. Empty for no cookie. */
  readonly cookie?: string
  /** Sent beside the cookies. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A visitor with a browser: the cookies that responses set are sent with later requests. */
export class Visitor {
  readonly jar = new Jar()
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  /** Sends a request and reads the whole response, whatever its status. */
  async ask(path: string, options: RequestOptions = {}): Promise<Page> {
    const response = await this.#send(path, options).response
    const parts: Buffer[] = []
    for await (const part of response.body) parts.push(part)
    return this.#page(response, Buffer.concat(parts))
  }

  /** The same, for a request that must succeed. */
  async must(path: string): Promise<Page> {
    const page = await this.ask(path)
    assert.equal(page.status, 200, `${path} failed: ${page.text}`)
    return page
  }

  /** What the standard route `/read` says of this visitor's session. */
  async facts(cookie?: string): Promise<Readonly<Record<string, unknown>>> {
    const page = await this.ask('/read', cookie === undefined ? {} : { cookie })
    assert.equal(page.status, 200)
    return JSON.parse(page.text)
  }

  begin(path: string, options: RequestOptions = {}): StreamedPage {
    const { response, leave } = this.#send(path, options)
    const head = response.then((incoming) => this.#page(incoming, Buffer.alloc(0)))
    // A test that disconnects does not look at it any more.
    head.catch(() => undefined)
    let chunks: AsyncIterator<Buffer> | undefined
    const next = async () => {
      chunks ??= (await response).body[Symbol.asyncIterator]()
      const { value, done } = await chunks.next()
      return done ? null : String(value)
    }
    return { head, next, leave }
  }

  #send(path: string, { method = 'GET', cookie = this.jar.header() ?? '', headers, body }: RequestOptions): Exchange {
    return this.#client.begin({ path, method, headers: { ...headers, ...(cookie !== '' && { cookie }) }, body })
  }

  #page({ status, lines }: Incoming, bytes: Buffer): Page {
    const all = (name: string) => lines.filter((line) => line[0] === name).map((line) => line[1])
    this.jar.take(all('set-cookie'))
    return { status, bytes, text: bytes.toString(), all, header: (name) => all(name)[0] }
  }
}
