/** Reasons that are remembered, so that messages with changing parts, such as addresses, fill neither a log nor the memory. */
const MOST = 10

/** By the code and not by the class, because errors.ts warns, too. The message of such an error may be in a log. */
const isOurs = (error: Error) => String((error as { code?: unknown }).code).startsWith('STRONGROOM_')

interface WarningTexts {
  readonly code: string
  /** What failed, for an error that is not ours: its own message may quote what nobody should read in a log. */
  readonly failed: string
  /** How to be told of every failure. */
  readonly advice: string
}

/** Returns what makes one warning of each reason for which something fails, for where nobody listens and nobody would see why. */
export function reasonWarnings({ code, failed, advice }: WarningTexts): (error: Error) => void {
  const reasons = new Set<string>()
  return (error) => {
    const reason = isOurs(error) ? withoutSecrets(error.message) : `${failed} (${error.name}).`
    // Two that differ by a number alone are one.
    const kind = reason.replace(/\d+/g, '0')
    if (reasons.has(kind) || reasons.size >= MOST) return
    reasons.add(kind)
    process.emitWarning(reason, { code, detail: `Shown once. ${advice}` })
  }
}

/** A store of the application's throws our errors as well, and may put anything into them: a URL with its password, an id, a token. */
function withoutSecrets(message: string): string {
  return message.replace(/\S+/g, withoutLogin).replace(/[\w-]{20,}/g, (word) => (isToken(word) ? '…' : word))
}

function withoutLogin(word: string): string {
  const [from, to] = [word.indexOf('//'), word.lastIndexOf('@')]
  return from !== -1 && from < to ? `${word.slice(0, from)}//…${word.slice(to)}` : word
}

/** A name, such as that of a table, has no digits, and is divided. */
const isToken = (word: string) => /\d/.test(word) || /[a-z]{20,}/i.test(word)
