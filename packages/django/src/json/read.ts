import { BadPayloadError } from '../errors.ts'

/** Parsed JSON, in which every value keeps its own text, so that unchanged values can be written back exactly as they were. */
export type Node = ObjectNode | ArrayNode | ScalarNode

export interface ObjectNode {
  readonly kind: 'object'
  readonly raw: string
  /** In the order of the text. A repeated key has the position of its first occurrence and the value of its last, as in Python. */
  readonly entries: ReadonlyMap<string, Node>
}

export interface ArrayNode {
  readonly kind: 'array'
  readonly raw: string
  readonly items: readonly Node[]
}

export interface ScalarNode {
  readonly kind: 'scalar'
  readonly raw: string
  /** A bigint when a JavaScript number cannot hold the integer. NaN and the infinities are numbers. */
  readonly value: string | number | bigint | boolean | null
}

/** CPython's parser raises RecursionError slightly earlier. */
const DEEPEST = 1000
/** CPython refuses to parse an int with more digits, not counting the sign (since 3.11, and since security releases of earlier versions). */
const MOST_DIGITS = 4300

/** Accepts what Python's `json.loads` accepts. Throws `BadPayloadError` for everything else. */
export function readJson(text: string): Node {
  return new Parser(text).document()
}

const SPACE = /[ \t\n\r]*/y
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what JSON forbids here
const PLAIN = /[^"\\\u0000-\u001f]*/y
const LITERALS: readonly (readonly [string, ScalarNode['value']])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): Node {
    this.#space()
    const node = this.#value(0)
    this.#space()
    return this.#at === this.#text.length ? node : this.#fail()
  }

  #value(depth: number): Node {
    if (depth > DEEPEST) throw new BadPayloadError(`The JSON is nested deeper than ${DEEPEST}.`)
    const start = this.#at
    switch (this.#text[start]) {
      case '{':
        return this.#object(start, depth)
      case '[':
        return this.#array(start, depth)
      case '"':
        return this.#scalar(start, this.#string())
    }
    for (const [word, value] of LITERALS)
      if (this.#text.startsWith(word, start)) {
        this.#at += word.length
        return this.#scalar(start, value)
      }
    return this.#number(start)
  }

  #object(start: number, depth: number): ObjectNode {
    const entries = new Map<string, Node>()
    this.#at++
    this.#space()
    if (!this.#take('}'))
      do {
        this.#space()
        if (this.#text[this.#at] !== '"') this.#fail()
        const key = this.#string()
        this.#space()
        if (!this.#take(':')) this.#fail()
        this.#space()
        entries.set(key, this.#value(depth + 1))
        this.#space()
      } while (this.#more('}'))
    return { kind: 'object', raw: this.#text.slice(start, this.#at), entries }
  }

  #array(start: number, depth: number): ArrayNode {
    const items: Node[] = []
    this.#at++
    this.#space()
    if (!this.#take(']'))
      do {
        this.#space()
        items.push(this.#value(depth + 1))
        this.#space()
      } while (this.#more(']'))
    return { kind: 'array', raw: this.#text.slice(start, this.#at), items }
  }

  #more(end: string): boolean {
    if (this.#take(',')) return true
    return this.#take(end) ? false : this.#fail()
  }

  #number(start: number): ScalarNode {
    const [text, fraction, exponent] = this.#match(NUMBER) ?? this.#fail()
    if (fraction !== undefined || exponent !== undefined) return this.#scalar(start, Number(text))
    if (text.length - (text.startsWith('-') ? 1 : 0) > MOST_DIGITS)
      throw new BadPayloadError(`The JSON has an integer of more than ${MOST_DIGITS} digits.`)
    const value = Number(text)
    return this.#scalar(start, Number.isSafeInteger(value) ? value + 0 : BigInt(text))
  }

  #string(): string {
    this.#at++
    let value = ''
    for (;;) {
      value += this.#match(PLAIN)?.[0] ?? ''
      if (this.#take('"')) return value
      if (!this.#take('\\')) this.#fail()
      value += this.#escape()
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at++] ?? ''
    if (letter !== 'u') return (Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined) ?? this.#fail()
    const hex = this.#text.slice(this.#at, this.#at + 4)
    if (!/^[0-9a-fA-F]{4}$/.test(hex)) this.#fail()
    this.#at += 4
    // In a JavaScript string, two halves of a surrogate pair become a pair just by following each other.
    return String.fromCharCode(Number.parseInt(hex, 16))
  }

  #scalar(start: number, value: ScalarNode['value']): ScalarNode {
    return { kind: 'scalar', raw: this.#text.slice(start, this.#at), value }
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (match) this.#at = pattern.lastIndex
    return match
  }

  #space(): void {
    this.#match(SPACE)
  }

  #take(letter: string): boolean {
    if (this.#text[this.#at] !== letter) return false
    this.#at++
    return true
  }

  #fail(): never {
    throw new BadPayloadError('What was signed is not JSON.')
  }
}
