/** A client that keeps its cookies, as far as these tests need them. */
export class Client {
  readonly #url: string
  readonly cookies = new Map<string, string>()

  constructor(url: string) {
    this.#url = url
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.#send(path, { headers })
  }

  /** As a browser sends a form of the page itself, unless `headers` say otherwise. */
  async post(path: string, fields: Record<string, string> = {}, headers?: Record<string, string>): Promise<Response> {
    const sent = headers ?? { 'sec-fetch-site': 'same-origin' }
    return this.#send(path, { method: 'POST', body: new URLSearchParams(fields), headers: sent })
  }

  async text(path: string): Promise<string> {
    return (await this.get(path)).text()
  }

  async #send(path: string, init: RequestInit): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { ...(init.headers as Record<string, string>), ...(cookie && { cookie }) }
    const response = await fetch(this.#url + path, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      this.cookies.set(name, value)
    }
    return response
  }
}
