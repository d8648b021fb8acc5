import { styleText } from 'node:util'
import Table from 'cli-table3'

/** A person at both ends. CI systems hand out terminals at which nobody sits. */
export function isInteractive(): boolean {
  return process.stdin.isTTY === true && isTerminal()
}

/** Can what is printed be drawn over? */
export function isTerminal(): boolean {
  return process.stdout.isTTY === true && process.env.TERM !== 'dumb' && !process.env.CI
}

export function line(text = ''): void {
  process.stdout.write(`${text}\n`)
}

/** Beside the answer: on stderr, so that a pipe gets the answer alone. */
export function note(text: string): void {
  process.stderr.write(`strongroom: ${text}\n`)
}

/** One JSON value, on one line. Some terminals obey C1 control characters, which JSON leaves as they are. */
export function json(value: unknown): void {
  line(JSON.stringify(value).replace(/[\u007f-\u009f\u2028\u2029]/g, escaped))
}

const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

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
// No colours of the table's own: they know nothing of NO_COLOR. styleText does, and of pipes too.
const LAYOUT = {
  chars: { ...BARE, ...CORNERS, middle: '  ' },
  style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const drawn = new Table({ ...LAYOUT, head: head.map((name) => styleText('bold', name)) })
  for (const row of rows) drawn.push([...row])
  line(trimmed(drawn.toString()))
}

/** Names and what they are, one below the other. */
export function facts(pairs: readonly (readonly [name: string, value: string])[]): void {
  const drawn = new Table(LAYOUT)
  for (const [name, value] of pairs) drawn.push([styleText('bold', name), value])
  line(trimmed(drawn.toString()))
}

const trimmed = (text: string) => text.replace(/ +$/gm, '')

/**
 * Text that somebody else chose (a device's label, the message of a foreign error) as one harmless line: a terminal obeys
 * control characters, and direction marks make a line read as what it is not.
 */
export function oneLine(text: string): string {
  return text
    .trim()
    .split('\n', 1)
    .join('')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
}

/** Takes out whatever has the length of a secret, a token or an id: a paste into the wrong place must not end in a log. */
export function redact(text: string): string {
  return text.replace(/[A-Za-z0-9_+=-]{43,}/g, '[…]')
}

/** Waits until all that was printed has left: `process.exit` does not. */
export async function flush(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) await new Promise((done) => stream.write('', done))
}
