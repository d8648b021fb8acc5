/** Ctrl-C and SIGTERM stop a long work at its next good moment; a second one ends the program as usual. */
export function halting(): { readonly signal: AbortSignal; readonly halted: boolean } {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())
  return {
    signal: stop.signal,
    get halted() {
      return stop.signal.aborted
    },
  }
}
