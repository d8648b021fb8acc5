import assert from 'node:assert/strict'
import { Jar } from '../jar.ts'
import type { Client, Exchange, Reply } from './client.ts'

/** A response: its head, and its body as far as it was read. */
export interface Page {
  readonly status: number
  readonly bytes: Buffer
  readonly text: string
  /** Each line of a header. */
  all(name: string): string[]
  header(name: string): string | undefined
}

/** An exchange of which head, chunks and end are looked at one by one. */
export interface Unfolding {
  readonly head: Promise<Page>
  /** The text of the next chunk, or null at the end. */
  next(): Promise<string | null>
  leave(): void
}

interface Asking {
  readonly method?: string
  /** Sent instead of what the jar holds; empty for none. */
  readonly cookie?: string
}

/** Somebody with a browser: what responses set is sent from then on. */
export class Visitor {
  readonly jar = new Jar()
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  /** One exchange to its end, whatever its status. */
  async ask(path: string, asking: Asking = {}): Promise<Page> {
    const reply = await this.#send(path, asking).reply
    const parts: Buffer[] = []
    for await (const part of reply.body) parts.push(part)
    return this.#take(reply, Buffer.concat(parts))
  }

  /** One exchange that must end well. */
  async must(path: string): Promise<Page> {
    const page = await this.ask(path)
    assert.equal(page.status, 200, `${path} is answered well: ${page.text}`)
    return page
  }

  /** What the standard route `/read` tells of this visitor's session. */
  async facts(cookie?: string): Promise<Readonly<Record<string, unknown>>> {
    const page = await this.ask('/read', cookie === undefined ? {} : { cookie })
    assert.equal(page.status, 200)
    return JSON.parse(page.text)
  }

  begin(path: string, asking: Asking = {}): Unfolding {
    const { reply, leave } = this.#send(path, asking)
    const head = reply.then((reply) => this.#take(reply, Buffer.alloc(0)))
    // Whoever leaves looks at it no more.
    head.catch(() => undefined)
    let chunks: AsyncIterator<Buffer> | undefined
    const next = async () => {
      chunks ??= (await reply).body[Symbol.asyncIterator]()
      const { value, done } = await chunks.next()
      return done ? null : String(value)
    }
    return { head, next, leave }
  }

  #send(path: string, { method = 'GET', cookie = this.jar.header() ?? '' }: Asking): Exchange {
    return this.#client.begin({ path, method, headers: cookie === '' ? {} : { cookie } })
  }

  #take({ status, lines }: Reply, bytes: Buffer): Page {
    const all = (name: string) => lines.filter((line) => line[0] === name).map((line) => line[1])
    this.jar.take(all('set-cookie'))
    return { status, bytes, text: bytes.toString(), all, header: (name) => all(name)[0] }
  }
}
