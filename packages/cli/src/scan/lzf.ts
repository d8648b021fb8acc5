import { UnreadableError } from './reader.ts'
import type { Value } from './row.ts'

/** How far back a copy can begin. */
const WINDOW = 8192

/**
 * Expands LZF, by which Redis compresses strings: runs of up to 32 bytes as they are, and copies of up to 264 bytes of what came
 * before. Holds the last 8 KB, however long the string is.
 */
export async function expand(chunks: AsyncIterable<Buffer>, into: Value): Promise<void> {
  const window = Buffer.alloc(WINDOW)
  let at = 0
  let state: 'control' | 'literal' | 'length' | 'offset' = 'control'
  let [left, high] = [0, 0]
  const put = (byte: number) => {
    window[at++ % WINDOW] = byte
    into.byte(byte)
  }
  for await (const chunk of chunks)
    for (const byte of chunk) {
      if (state === 'control') {
        left = byte < 32 ? byte + 1 : byte >> 5
        high = (byte & 31) << 8
        state = byte < 32 ? 'literal' : left === 7 ? 'length' : 'offset'
      } else if (state === 'literal') {
        put(byte)
        if (--left === 0) state = 'control'
      } else if (state === 'length') {
        left += byte
        state = 'offset'
      } else {
        const from = at - (high | byte) - 1
        if (from < 0) throw damaged()
        for (let i = 0; i < left + 2; i++) put(window[(from + i) % WINDOW] as number)
        state = 'control'
      }
    }
  if (state !== 'control') throw damaged()
}

const damaged = () => new UnreadableError('its compressed data is damaged')
