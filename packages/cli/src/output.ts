import { fstatSync, statSync } from 'node:fs'
import { devNull } from 'node:os'
import { styleText } from 'node:util'
import Table from 'cli-table3'

/** Is there a person at both ends? CI systems provide terminals with nobody at them. */
export function isInteractive(): boolean {
  return process.stdin.isTTY === true && isTerminal()
}

/** Can printed lines be redrawn? */
export function isTerminal(): boolean {
  return process.stdout.isTTY === true && process.env.TERM !== 'dumb' && !process.env.CI
}

export function line(text = ''): void {
  process.stdout.write(`${text}\n`)
}

/** Does what is printed reach nobody? Node opens the null device in place of a standard output that is closed. */
export function isDiscarded(): boolean {
  if (process.platform === 'win32') return false
  const { rdev } = statSync(devNull)
  const stdout = fstatSync(1)
  return stdout.isCharacterDevice() && stdout.rdev === rdev
}

/** A line on stderr, so that a pipe gets nothing but the result. */
export function note(text: string): void {
  process.stderr.write(`strongroom: ${text}\n`)
}

/** One JSON value on one line. Escapes what `oneLine` replaces: JSON allows it, and terminals obey it. */
export function json(value: unknown): void {
  line(JSON.stringify(value).replace(HARMFUL, escaped))
}

const escaped = (character: string) =>
  character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')

/** A terminal obeys control characters, and direction marks can make a line read as something else. */
const HARMFUL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

const BARE = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid', 'left-mid', 'mid-mid', 'right-mid'].map((name) => [name, '']),
)
const CORNERS = {
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
}
// The table's own colours ignore NO_COLOR and pipes. styleText respects both.
const LAYOUT = {
  chars: { ...BARE, ...CORNERS, middle: '  ' },
  style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const drawn = new Table({ ...LAYOUT, head: head.map((name) => styleText('bold', name)) })
  for (const row of rows) drawn.push([...row])
  line(trimmed(drawn.toString()))
}

/** What fits on a terminal that nobody has made wider. */
const WIDTH = 80

/** Words, broken into lines; those after the first begin under it. */
export function paragraph(text: string, indent = 0, first = ' '.repeat(indent)): void {
  const [head = '', ...rest] = wrapped(text, WIDTH - indent)
  for (const each of [`${first}${head}`, ...rest.map((more) => `${' '.repeat(indent)}${more}`)]) line(each)
}

/** A text in lines of some width, broken between words. A longer word has a line of its own. */
export function wrapped(text: string, width: number): readonly string[] {
  const drawn = new Table({ ...LAYOUT, colWidths: [width], wordWrap: true })
  drawn.push([text])
  return trimmed(drawn.toString()).split('\n')
}

/** Names and values, a pair on each line. */
export function facts(pairs: readonly (readonly [name: string, value: string])[]): void {
  const drawn = new Table(LAYOUT)
  for (const [name, value] of pairs) drawn.push([styleText('bold', name), value])
  line(trimmed(drawn.toString()))
}

const trimmed = (text: string) => text.replace(/ +$/gm, '')

/** Makes one harmless line of text from outside (a device's label, the message of someone else's error). */
export function oneLine(text: string): string {
  return text.trim().split('\n', 1).join('').replace(HARMFUL, '\ufffd')
}

/** Removes everything as long as a secret, a token or an id: what was pasted into the wrong place must not end up in a log. */
export function redact(text: string): string {
  return text.replace(/[A-Za-z0-9_+=-]{43,}/g, '[…]')
}

/**
 * What is printed is the result: a new secret that reached nobody, or half a list, is a failure. Except when the reader has seen
 * enough (`| head`).
 */
export function watchOutput() {
  let failure: NodeJS.ErrnoException | null = null
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    failure ??= error
  })
  return {
    problem: () =>
      failure && failure.code !== 'EPIPE' ? new Error('The output could not be written', { cause: failure }) : null,
  }
}

/** Waits until everything printed has been written. `process.exit` does not wait. */
export async function flush(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) await new Promise((done) => stream.write('', done))
}
