/** Warns the first time that it is called: what it is about may happen at every request. */
export function warnOnce(code: string, detail = 'Shown once.'): (message: string) => void {
  let warned = false
  return (message) => {
    if (warned) return
    warned = true
    process.emitWarning(message, { code, detail })
  }
}

/** The same for an option's function that fails. Without the error, whose message may have data of the request in it. */
export function warnOfOption(code: string, option: string, consequence: string): (problem: string) => void {
  const warn = warnOnce(code)
  return (problem) => warn(`The option "${option}" ${problem}. ${consequence}`)
}
