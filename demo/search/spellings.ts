/** A way to write the note, under which a search finds it. */
export interface Spelling {
  /** "as plain text", "in base64". */
  readonly how: string
  readonly bytes: Uint8Array
}

/** The note as it may stand in a cookie, a file or a database that does not encrypt it. */
export function spellingsOf(note: string): Spelling[] {
  const text = Buffer.from(note)
  const hex = text.toString('hex')
  const json = JSON.stringify(note).slice(1, -1)
  const spellings = [
    ['as plain text', note],
    ['in JSON', json],
    ['percent-encoded', encodeURIComponent(note)],
    ['percent-encoded', encodeURIComponent(json)],
    // A readable cookie is JSON in base64. Without the second, a note with a quotation mark in it would never be found there.
    ...[text, Buffer.from(json)].flatMap((bytes) =>
      [0, 1, 2].flatMap((shift) => {
        const base64 = within(bytes, shift)
        return [
          ['in base64', base64],
          ['in base64', base64.replaceAll('+', '-').replaceAll('/', '_')],
        ]
      }),
    ),
    ['in hexadecimal', hex],
    ['in hexadecimal', hex.toUpperCase()],
  ] as const
  const different = new Map(spellings.map(([how = '', spelt = '']) => [spelt, how]).toReversed() as [string, string][])
  return [...different].toReversed().map(([spelt, how]) => ({ how, bytes: Buffer.from(spelt) }))
}

/**
 * The characters of base64 that stand for these bytes alone, when so many bytes modulo 3 come before them: those that they share
 * with a neighbour are left out.
 */
function within(bytes: Buffer, before: number): string {
  const all = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
  return all.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
}
