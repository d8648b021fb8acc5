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

const quoted = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
/** The server also puts a backslash before a byte that looks like the first one of several, as in UTF-8. */
const inSql = (byte: number) => {
  const escaped = ESCAPES[byte]
  return escaped ? quoted(escaped) : `\\\\?${quoted(String.fromCharCode(byte))}`
}
const inComments = (byte: number) =>
  quoted(byte < 32 ? `\\x${byte.toString(16).padStart(2, '0')}` : String.fromCharCode(byte))
const written = (bytes: Buffer, as: (byte: number) => string) => [...bytes].map(as).join('')

const FORMS = new Map<string, RegExp>()

/** Where a key is in the bytes of a file. */
export function placesOf(bytes: Buffer, key: string): number[] {
  const forms = FORMS.get(key) ?? formsOf(key)
  FORMS.set(key, forms)
  return [...bytes.toString('latin1').matchAll(forms)].map(({ index }) => index)
}

/** How programs write a key: as text, or as the bytes that its hexadecimal digits encode. For the bytes of a file as Latin-1. */
function formsOf(key: string): RegExp {
  const forms = [quoted(key)]
  if (/^[0-9a-f]{64}$/.test(key)) {
    const bytes = Buffer.from(key, 'hex')
    // A binary log has no zeros at the end of BINARY columns.
    const short = Buffer.from(key.replace(/(?:00)+$/, ''), 'hex')
    forms.push(key.toUpperCase(), written(bytes, inSql), quoted(short.toString('latin1')), written(short, inComments))
  }
  return new RegExp(forms.join('|'), 'g')
}
