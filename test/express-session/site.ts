import { createServer } from 'node:http'
import { after } from 'node:test'
import express from 'express'
import type { RunningServer } from '../../packages/strongroom/src/testing/index.ts'
import { Jar } from '../../packages/strongroom/src/testing/jar.ts'
import { environment, listening } from '../adapters/serve.ts'

export interface Reply {
  readonly status: number
  readonly body: string
  readonly cookies: readonly string[]
  readonly headers: Headers
}

/** A browser, as far as cookies are concerned. */
export class Visitor {
  readonly jar = new Jar()
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /** Sends a GET; throws for a response that does not come. */
  async get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
    const cookie = this.jar.header()
    const response = await fetch(this.#url + path, {
      redirect: 'manual',
      headers: { ...(cookie !== undefined && { cookie }), ...headers },
    })
    const cookies = response.headers.getSetCookie()
    this.jar.take(cookies)
    return { status: response.status, body: await response.text(), cookies, headers: response.headers }
  }

  async json<T = unknown>(path: string): Promise<T> {
    const { status, body } = await this.get(path)
    if (status !== 200) throw new Error(`${path} was answered with ${status}: ${body}`)
    return JSON.parse(body)
  }

  /** With the cookies of now. */
  copy(): Visitor {
    const copy = new Visitor(this.#url)
    for (const name of ['connect.sid', '__Host-id', 'sid']) {
      const value = this.jar.value(name)
      if (value !== undefined) copy.jar.plant(name, value)
    }
    return copy
  }
}

export interface Site extends RunningServer {
  visitor(): Visitor
}

const running: RunningServer[] = []
after(async () => {
  for (const { close } of running) await close().catch(() => undefined)
})

/** An Express application on a free port, until the end of the file. */
export async function site(build: (app: express.Express) => void): Promise<Site> {
  const app = express().set('env', environment())
  build(app)
  const server = await listening(createServer(app))
  running.push(server)
  return { ...server, visitor: () => new Visitor(server.url) }
}
