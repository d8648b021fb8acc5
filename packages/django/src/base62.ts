const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Django's `b62_encode`: digits, upper case, lower case. */
export function encode62(number: number): string {
  if (number === 0) return '0'
  let text = ''
  for (let left = Math.abs(number); left > 0; left = Math.floor(left / 62)) text = DIGITS[left % 62] + text
  return number < 0 ? `-${text}` : text
}

/** Null for what `encode62` cannot have written, or what no moment in time is so far away as to need. */
export function decode62(text: string): number | null {
  if (!/^-?[0-9A-Za-z]{1,9}$/.test(text)) return null
  const negative = text.startsWith('-')
  let number = 0
  for (const digit of negative ? text.slice(1) : text) number = number * 62 + DIGITS.indexOf(digit)
  if (!Number.isSafeInteger(number)) return null
  return negative ? -number : number
}
