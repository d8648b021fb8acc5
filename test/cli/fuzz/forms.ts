/** Escapes of SQL. */
const ESCAPES: Readonly<Record<number, string>> = {
  0: '\\0',
  10: '\\n',
  13: '\\r',
  26: '\\Z',
  34: '\\"',
  39: "\\'",
  92: '\\\\',
}

const inSql = (byte: number) => ESCAPES[byte] ?? String.fromCharCode(byte)
const inComments = (byte: number) =>
  byte < 32 ? `\\x${byte.toString(16).padStart(2, '0')}` : String.fromCharCode(byte)
const written = (bytes: Buffer, as: (byte: number) => string) => Buffer.from([...bytes].map(as).join(''), 'latin1')

/** How programs write a key: as text, or as the bytes that its hexadecimal digits encode. */
export function formsOf(key: string): Buffer[] {
  const text = [Buffer.from(key)]
  if (!/^[0-9a-f]{64}$/.test(key)) return text
  const bytes = Buffer.from(key, 'hex')
  // A binary log has no zeros at the end of BINARY columns.
  const short = Buffer.from(key.replace(/(?:00)+$/, ''), 'hex')
  return [...text, Buffer.from(key.toUpperCase()), written(bytes, inSql), short, written(short, inComments)]
}
