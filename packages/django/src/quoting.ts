import { DataError } from 'strongroom'

/** What Python's `http.cookies` writes without quotes. */
const PLAIN = /^[\w!#$%&'*+\-.^`|~:]*$/
/** What it escapes within quotes: everything but those, the space and these. */
const ESCAPED = /[^\w!#$%&'*+\-.^`|~: ()/<=>?@[\]{}]/g

/**
 * A cookie's value as Django writes it into a header: in quotes unless it is plain, with `;` as `\073` and so on. Throws
 * `DataError` for characters beyond Latin-1, which Django cannot send either.
 */
export function quote(name: string, value: string): string {
  if (PLAIN.test(value)) return value
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of Latin-1
  if (!/^[\u0000-\u00ff]*$/.test(value))
    throw new DataError(
      name,
      `Django cannot put the value of the cookie '${name}' into a header, because it has characters beyond Latin-1: encode it first, on both sides.`,
    )
  return `"${value.replace(ESCAPED, escaped)}"`
}

const escaped = (letter: string) =>
  letter === '"' || letter === '\\' ? `\\${letter}` : `\\${letter.charCodeAt(0).toString(8).padStart(3, '0')}`

/** The reverse. A value that is not in quotes is returned as it is. */
export function unquote(value: string): string {
  if (value.length < 2 || !value.startsWith('"') || !value.endsWith('"')) return value
  return value
    .slice(1, -1)
    .replace(/\\(?:([0-3][0-7][0-7])|(.))/g, (_, octal: string | undefined, plain: string) =>
      octal === undefined ? plain : String.fromCharCode(Number.parseInt(octal, 8)),
    )
}
