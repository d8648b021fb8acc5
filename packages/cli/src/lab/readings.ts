import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib'

/** A value has a few layers at most; what is nested more deeply was made to waste time. */
const DEEPEST = 5
const MOST = 400
const UNPACKED = { maxOutputLength: 1024 * 1024 }

/**
 * Everything that these bytes say to someone who tries the usual encodings, one inside the other: the parts between separators,
 * percent-encoding, base64, hexadecimal, and the compressions of zlib. Django's signed cookies are `.base64(zlib):time:signature`.
 */
export function readingsOf(bytes: Uint8Array): readonly Buffer[] {
  const found = new Map<string, Buffer>()
  let layer: Buffer[] = [Buffer.from(bytes)]
  for (let depth = 0; depth < DEEPEST && layer.length > 0; depth++) {
    const next: Buffer[] = []
    for (const reading of layer) {
      const key = reading.toString('latin1')
      if (found.has(key) || found.size >= MOST) continue
      found.set(key, reading)
      next.push(...textReadings(key), ...unpackings(reading))
    }
    layer = next
  }
  return [...found.values()]
}

/** Where a secret can be read in these bytes: the reading that shows it, or null. */
export const readingWith = (bytes: Uint8Array, secret: string): Buffer | null =>
  readingsOf(bytes).find((reading) => reading.includes(secret)) ?? null

function textReadings(text: string): Buffer[] {
  // Encodings are text. Long bytes that are none of it would only be searched in vain.
  if (!/^[\x20-\x7e]+$/.test(text)) return []
  const parts = text.split(/[.:;,*~$|!&]/).filter((part) => part.length > 3 && part !== text)
  const readings = parts.map((part) => Buffer.from(part))
  if (/^[\w+/-]+={0,2}$/.test(text)) readings.push(Buffer.from(text, 'base64'))
  if (/^(?:[0-9A-Fa-f]{2})+$/.test(text)) readings.push(Buffer.from(text, 'hex'))
  const unescaped = withoutEscapes(text)
  if (unescaped !== text) readings.push(Buffer.from(unescaped))
  return readings
}

function withoutEscapes(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A lone percent sign: nothing is escaped here.
    return text
  }
}

function unpackings(bytes: Buffer): Buffer[] {
  return [inflateSync, gunzipSync, inflateRawSync, brotliDecompressSync].flatMap((unpack) => {
    try {
      const unpacked = unpack(bytes, UNPACKED)
      return unpacked.length > 0 ? [unpacked] : []
    } catch {
      // Not compressed like this.
      return []
    }
  })
}
