/** What is searched for: a name for it that may be told, and the thing itself. */
export type Secret = readonly [what: string, secret: string | Uint8Array]

export interface Found {
  readonly what: string
  readonly where: string
}

/**
 * A secret in every form in which it could lie on a disk: a search that knew only one of them would find nothing, and prove
 * nothing.
 */
export function formsOf(secret: string | Uint8Array): Buffer[] {
  const bytes = Buffer.from(secret as string)
  const hex = bytes.toString('hex')
  const texts = [hex, hex.toUpperCase(), ...[0, 1, 2].flatMap((before) => base64Within(bytes, before))]
  return [bytes, Buffer.from(bytes.toString('latin1'), 'utf16le'), ...texts.map((text) => Buffer.from(text))]
}

/** How the secret reads in the base64 of a longer text, so many bytes into it: without what its neighbours decide. */
function base64Within(bytes: Buffer, before: number): string[] {
  const text = Buffer.concat([Buffer.alloc(before), bytes])
    .toString('base64')
    .replace(/=+$/, '')
  const start = Math.ceil((before * 8) / 6)
  const whole = text.slice(start, Math.floor(((before + bytes.length) * 8) / 6))
  return [whole, whole.replaceAll('+', '-').replaceAll('/', '_')]
}

/** Searches for all forms of all secrets in one pass, for a server's files are large and the forms are many. */
export function find(secrets: readonly Secret[], loot: ReadonlyMap<string, Buffer>): Found[] {
  const needles = secrets.flatMap(([what, secret]) => formsOf(secret).map((form) => ({ what, form })))
  const byStart = new Map<number, typeof needles>()
  // Which three bytes begin a needle: almost no place of a file has to be looked at twice.
  const begins = new Uint8Array(2 ** 24)
  for (const needle of needles) {
    const start = needle.form.readUIntBE(0, 3)
    begins[start] = 1
    byStart.set(start, [...(byStart.get(start) ?? []), needle])
  }
  const found = new Map<string, Found>()
  for (const [where, bytes] of loot)
    for (let at = 0, start = 0; at < bytes.length; at++) {
      start = ((start << 8) | (bytes[at] as number)) & 0xffffff
      if (begins[start] === 0 || at < 2) continue
      for (const { what, form } of byStart.get(start) ?? [])
        if (bytes.compare(form, 0, form.length, at - 2, Math.min(at - 2 + form.length, bytes.length)) === 0)
          found.set(`${what} ${where}`, { what, where })
    }
  return [...found.values()]
}
