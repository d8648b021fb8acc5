/**
 * JSON.parse, also where V8 gets it wrong. Since Node 24, it compares a key that holds an escape with the keys of objects that
 * were made before, without decoding the escape first: after an object with the key `\`, the key `"` of another one becomes `\`.
 * With that, the keys of one visitor's session would rename those of another's.
 *
 * Everything else is left to V8. A text without a backslash cannot be misread, and costs one search for it.
 */
export function parseJson(text: string): unknown {
  return text.includes('\\') && ESCAPED_KEY.test(text) ? new Parser(text).document() : JSON.parse(text)
}

/** The last escape of a key, and the rest of it. It also fits a few strings that are no keys, which are then merely parsed here. */
const ESCAPED_KEY = /\\[\s\S][^"\\]*"[ \t\n\r]*:/

/** What ends a number or a literal. */
const DELIMITER = /[ \t\n\r,\]}]|$/g

/** Builds the objects and arrays. The strings, numbers and literals in them are given to V8 one by one. */
class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): unknown {
    const value = this.#value()
    if (this.#next() !== '') throw notJson()
    return value
  }

  #value(): unknown {
    switch (this.#next()) {
      case '{':
        return this.#object()
      case '[':
        return this.#array()
      case '"':
        return this.#string()
    }
    DELIMITER.lastIndex = this.#at
    return this.#scalar((DELIMITER.exec(this.#text) as RegExpExecArray).index)
  }

  #object(): object {
    // As in JSON.parse, a repeated key keeps its first place and has its last value, and `__proto__` is a key like any other.
    const entries: [string, unknown][] = []
    for (let first = true; this.#more('}', first); first = false) {
      if (this.#next() !== '"') throw notJson()
      const key = this.#string()
      if (this.#next() !== ':') throw notJson()
      this.#at++
      entries.push([key, this.#value()])
    }
    return Object.fromEntries(entries)
  }

  #array(): unknown[] {
    const items: unknown[] = []
    for (let first = true; this.#more(']', first); first = false) items.push(this.#value())
    return items
  }

  /** Whether another item follows, past the opening bracket or the comma. */
  #more(end: string, first: boolean): boolean {
    if (first) this.#at++
    const next = this.#next()
    if (next === end || (!first && next === ',')) this.#at++
    else if (!first) throw notJson()
    return next !== end
  }

  #string(): string {
    let end = this.#at + 1
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === '\\' ? 2 : 1
    return this.#scalar(end + 1) as string
  }

  #scalar(end: number): unknown {
    const text = this.#text.slice(this.#at, end)
    this.#at = end
    return JSON.parse(text)
  }

  /** The next character that is not white space, or an empty string at the end. */
  #next(): string {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? '.')) this.#at++
    return this.#text[this.#at] ?? ''
  }
}

const notJson = () => new SyntaxError('The text is not JSON.')
