/** Reasons that are remembered, so that messages with changing parts, such as addresses, fill neither a log nor the memory. */
const MOST = 100

/** By the code and not by the class, because errors.ts warns, too. The message of such an error may be in a log. */
const isOurs = (error: Error) => String((error as { code?: unknown }).code).startsWith('STRONGROOM_')

interface Words {
  readonly code: string
  /** What failed, for an error that is not ours: its own message may quote what nobody should read in a log. */
  readonly failed: string
  /** How to be told of every failure. */
  readonly advice: string
}

/** Returns what makes one warning of each reason for which something fails, for where nobody listens and nobody would see why. */
export function reasonWarnings({ code, failed, advice }: Words): (error: Error) => void {
  const reasons = new Set<string>()
  return (error) => {
    const reason = isOurs(error) ? error.message : `${failed} (${error.name}).`
    if (reasons.has(reason) || reasons.size >= MOST) return
    reasons.add(reason)
    process.emitWarning(reason, { code, detail: `Shown once. ${advice}` })
  }
}
