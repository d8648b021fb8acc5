import assert from 'node:assert/strict'

const LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=([\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*)((?:; [^;\p{Cc}]+)*)$/u
const ATTRIBUTES = ['path', 'domain', 'max-age', 'expires', 'httponly', 'secure', 'samesite', 'partitioned']

export interface SetCookie {
  readonly name: string
  readonly value: string
  /** Names in lower case. */
  readonly attributes: ReadonlyMap<string, string>
}

/** Parses one Set-Cookie line by its grammar (RFC 6265 §4.1.1). Fails even on what a browser would tolerate. */
export function parseSetCookie(line: string): SetCookie {
  const [, name = '', value = '', rest = ''] = LINE.exec(line) ?? assert.fail('a Set-Cookie line is malformed')
  const attributes = new Map<string, string>()
  for (const part of rest.split('; ').slice(1)) {
    const at = part.indexOf('=')
    const attribute = (at < 0 ? part : part.slice(0, at)).toLowerCase()
    assert.ok(ATTRIBUTES.includes(attribute), `a Set-Cookie attribute is unknown: ${attribute}`)
    assert.ok(!attributes.has(attribute), `a Set-Cookie attribute occurs twice: ${attribute}`)
    attributes.set(attribute, at < 0 ? '' : part.slice(at + 1))
  }
  checkAttributes(name, attributes)
  assert.ok(name.length + value.length <= 4096, 'a cookie is larger than browsers accept')
  return { name, value, attributes }
}

function checkAttributes(name: string, attributes: ReadonlyMap<string, string>): void {
  const secure = attributes.has('secure')
  if (/^__(host|secure)-/i.test(name)) assert.ok(secure, 'a cookie with a name prefix must be Secure')
  if (/^__host-/i.test(name))
    assert.ok(
      attributes.get('path') === '/' && !attributes.has('domain'),
      'a __Host- cookie must have Path=/ and no Domain',
    )
  if (attributes.get('samesite')?.toLowerCase() === 'none')
    assert.ok(secure, 'a cookie with SameSite=None must be Secure')
  const expires = attributes.get('expires')
  if (expires !== undefined) assert.equal(new Date(expires).toUTCString(), expires, 'Expires must be an IMF-fixdate')
  assert.match(attributes.get('max-age') ?? '0', /^\d+$/)
}

/** A visitor's cookies. Stricter than a browser: what a browser would silently drop, or store next to another, fails the test. */
export class Jar {
  readonly #cookies = new Map<string, SetCookie>()

  /** Stores the cookies that the Set-Cookie lines of one response set, and removes those that they clear. */
  take(lines: readonly string[]): void {
    const taken = lines.map(parseSetCookie)
    assert.equal(new Set(taken.map(({ name }) => name)).size, taken.length, 'a response sets a cookie twice')
    for (const cookie of taken) {
      const before = this.#cookies.get(cookie.name)
      if (before)
        assert.equal(
          scopeOf(cookie),
          scopeOf(before),
          'a cookie has another domain or path than before: browsers would have both',
        )
      if (isCleared(cookie)) this.#cookies.delete(cookie.name)
      else this.#cookies.set(cookie.name, cookie)
    }
  }

  value(name: string): string | undefined {
    return this.#cookies.get(name)?.value
  }

  /** Sets a cookie as an attacker or another tab would. */
  plant(name: string, value: string): void {
    this.#cookies.set(name, { name, value, attributes: new Map([['path', '/']]) })
  }

  /** The Cookie header, or undefined when the jar is empty. */
  header(): string | undefined {
    return [...this.#cookies.values()].map(({ name, value }) => `${name}=${value}`).join('; ') || undefined
  }
}

const scopeOf = ({ attributes }: SetCookie) => `${attributes.get('domain') ?? ''} ${attributes.get('path') ?? ''}`

const isCleared = ({ attributes }: SetCookie) =>
  attributes.get('max-age') === '0' || (attributes.has('expires') && Date.parse(attributes.get('expires') ?? '') <= 0)
