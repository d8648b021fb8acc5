import { randomBytes } from 'node:crypto'
import type { Cookies } from '../visitor.ts'

const CLASSES = ['ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz', '0123456789'] as const

/**
 * A value with the form of this one: letters for letters, digits for digits, and the same punctuation. A value in hexadecimal stays
 * one, and escapes stay whole, so that it is not refused for its form alone.
 */
export function madeUpValue(value: string): string {
  const isHex = /^[0-9a-f]+$/.test(value)
  // Which letters are a little more frequent is of no use to anybody, and a call for each would take longer than all the requests.
  const random = randomBytes(value.length)
  let used = 0
  return value.replace(/%[0-9A-Fa-f]{2}|[A-Za-z0-9]/g, (part) => {
    if (part.length > 1) return part
    const alphabet = isHex ? '0123456789abcdef' : (CLASSES.find((letters) => letters.includes(part)) ?? part)
    return alphabet[(random[used++] as number) % alphabet.length] ?? part
  })
}

export const madeUpLike = (cookies: Cookies): Cookies =>
  new Map([...cookies].map(([name, value]) => [name, madeUpValue(value)]))
