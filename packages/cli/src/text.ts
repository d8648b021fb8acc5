import { readFileSync } from 'node:fs'

/** The text of a file, decoded as its byte order mark says, and as UTF-8 without one. The mark is no part of the text. */
export function readText(path: string): string {
  const bytes = readFileSync(path)
  return new TextDecoder(encodingOf(bytes)).decode(bytes)
}

function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return 'utf-16le'
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8'
}
