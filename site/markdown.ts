/**
 * What a page of the repository may contain that is something else on the site: tags in words, braces that Vue would evaluate, comments
 * that only the tests read, and links to files.
 */

/** Tags that pages really use. Any other is text that was meant to be read, such as `<seconds>`. */
const TAGS = new Set([
  'a',
  'br',
  'details',
  'div',
  'h1',
  'h2',
  'img',
  'kbd',
  'p',
  'section',
  'span',
  'sub',
  'summary',
  'sup',
])

/** A tag of the list as it is, everything else as text. */
export function safeHtml(html: string): string {
  return html.replace(/<(\/?)([a-zA-Z][\w-]*)?|[{}]{2}/g, (match, _slash, name?: string) =>
    match.startsWith('<') ? (name && TAGS.has(name.toLowerCase()) ? match : match.replace('<', '&lt;')) : braces(match),
  )
}

/** Text for a template of Vue, with `{{` and `}}` as entities: they are decoded after Vue has looked for expressions. */
export const braces = (text: string): string => text.replaceAll('{{', '&#123;&#123;').replaceAll('}}', '&#125;&#125;')

const FENCE = /^ *(```+|~~~+)/

type Kind = 'prose' | 'code' | 'comment'

/** Each line with what it belongs to. A comment may contain a block of code, and a block of code may show a comment. */
function* kinds(text: string): Generator<[line: string, kind: Kind]> {
  let fence: string | null = null
  let comment = false
  for (const line of text.split('\n')) {
    comment ||= fence === null && line.startsWith('<!--')
    const found: string | undefined = comment ? undefined : FENCE.exec(line)?.[1]
    yield [line, comment ? 'comment' : fence !== null || found ? 'code' : 'prose']
    if (comment && line.includes('-->')) comment = false
    else if (found && fence === null) fence = found
    else if (found && line.trim() === fence) fence = null
  }
}

/** Runs of lines that are code, or are not. */
function partsOf(text: string): { code: boolean; text: string }[] {
  const parts: { code: boolean; text: string }[] = []
  for (const [line, kind] of kinds(text)) {
    const last = parts.at(-1)
    if (last?.code === (kind === 'code')) last.text += `\n${line}`
    else parts.push({ code: kind === 'code', text: line })
  }
  return parts
}

/** Without HTML comments, which only the tests read, and without the code that one contains. */
export const withoutComments = (text: string): string =>
  [...kinds(text)].flatMap(([line, kind]) => (kind === 'comment' ? [] : [line])).join('\n')

/** Without blocks of code. */
export const withoutCode = (text: string): string =>
  partsOf(text)
    .filter(({ code }) => !code)
    .map((part) => part.text)
    .join('\n\n')

/** Links and images of prose, code spans excepted: `change` gets the target, and returns the one to write. */
export function withTargets(text: string, change: (target: string) => string): string {
  const followed = (prose: string) =>
    prose.replace(/(`+)[\s\S]*?\1|(\]\()([^()\s]+)(\))|(\b(?:src|srcset|href)=")([^"]+)(")/g, (...found) => {
      const [whole, span, open, target, close, attribute, value, quote] = found as string[]
      if (span) return whole as string
      return target ? `${open}${change(target)}${close}` : `${attribute}${change(value as string)}${quote}`
    })
  return partsOf(text)
    .map((part) => (part.code ? part.text : followed(part.text)))
    .join('\n')
}

const PICTURE =
  /<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)">\s*<img src="([^"]+)"([^>]*)>\s*<\/picture>/g

/** A picture for each theme: `<picture>` follows the system, and a reader may have chosen the other theme. */
export const withThemedPictures = (text: string): string =>
  text.replace(
    PICTURE,
    (_, dark, light, rest) =>
      `<img class="only-light" loading="lazy" src="${light}"${rest}><img class="only-dark" loading="lazy" src="${dark}"${rest}>`,
  )
