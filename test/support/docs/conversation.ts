import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'

/**
 * Requests to make, and what must come back, a line each:
 *
 *     POST /login name=ada: 303
 *     [phone] GET /devices: 200 "Firefox on Linux"
 *     GET /devices: 200 /handle":"(?<handle>[\w-]+)/
 *     POST /devices/{handle}/end: 204
 *     GET /: 200 !ada
 *
 * A body of `a=b&c=d` is sent as a form and one of `{…}` as JSON. After the status may stand what the answer (its body, or
 * the address that it leads to) holds: text, /pattern/, or !text for what it must not hold. A pattern's named groups fill
 * {name} in later lines. Names in brackets are other browsers, each with its own cookies. `UPGRADE /path` asks for a socket.
 */
export async function converse(port: number, conversation: string): Promise<void> {
  const jars = new Map<string, Map<string, string>>()
  const names: Record<string, string> = {}
  for (const line of conversation.split('\n').map((each) => each.trim())) {
    if (line === '') continue
    const filled = line.replace(/\{(\w+)\}/g, (whole, name) => names[name] ?? whole)
    const parts = /^(?:\[(\w+)\] )?([A-Z]+) (\/\S*?)(?: (\S.*?))?: (\d{3})(?: (.+))?$/.exec(filled)
    assert.ok(parts, `not a line of a conversation: ${line}`)
    const [, browser = 'laptop', method = '', path = '', body = '', status, expected = ''] = parts
    const jar = jars.get(browser) ?? new Map<string, string>()
    jars.set(browser, jar)
    const answer = await ask({ port, method, path, body, jar, browser })
    const seen = `${line}\n→ ${answer.status} ${answer.body}`
    assert.equal(answer.status, Number(status), seen)
    Object.assign(names, holds(answer.body, expected, seen))
  }
}

function holds(body: string, expected: string, seen: string): Record<string, string> {
  const pattern = /^\/(.+)\/$/.exec(expected)?.[1]
  if (pattern === undefined) {
    const absent = expected.startsWith('!')
    const text = absent ? expected.slice(1) : expected
    assert.equal(body.includes(text), !absent, seen)
    return {}
  }
  const found = new RegExp(pattern).exec(body)
  assert.ok(found, seen)
  return found.groups ?? {}
}

interface Question {
  readonly port: number
  readonly method: string
  readonly path: string
  readonly body: string
  readonly jar: Map<string, string>
  readonly browser: string
}

async function ask({ port, method, path, body, jar, browser }: Question): Promise<{ status: number; body: string }> {
  const headers: Record<string, string> = { 'User-Agent': AGENTS[browser] ?? browser }
  // As browsers do for a form of the page that they show. Others, such as [old], do not.
  if (browser in AGENTS && method !== 'UPGRADE') headers['Sec-Fetch-Site'] = 'same-origin'
  if (jar.size > 0) headers.Cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  if (body) headers['Content-Type'] = body.startsWith('{') ? 'application/json' : 'application/x-www-form-urlencoded'
  if (method === 'UPGRADE') Object.assign(headers, { Connection: 'Upgrade', Upgrade: 'websocket' })
  const sent = request({ port, host: '127.0.0.1', path, headers, method: method === 'UPGRADE' ? 'GET' : method })
  sent.setTimeout(5000, () => sent.destroy(new Error(`${method} ${path} got no answer`)))
  sent.end(body)
  const [response] = (await Promise.race([once(sent, 'response'), once(sent, 'upgrade')])) as [IncomingMessage]
  for (const line of response.headers['set-cookie'] ?? []) keep(jar, line)
  if (response.statusCode === 101) {
    sent.destroy()
    return { status: 101, body: '' }
  }
  const { location = '' } = response.headers
  return { status: response.statusCode ?? 0, body: `${location}${await text(response)}` }
}

function keep(jar: Map<string, string>, line: string): void {
  const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
  if (/;\s*max-age=0\b/i.test(line)) jar.delete(name)
  else jar.set(name, value)
}

const AGENTS: Readonly<Record<string, string>> = {
  laptop: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  phone: 'Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36',
}
