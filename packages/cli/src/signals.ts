const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Calls `listener` for signals that would end the process. Returns a function that restores what they do. */
export function onSignal(listener: (signal: NodeJS.Signals) => void): () => void {
  for (const signal of SIGNALS) process.on(signal, listener)
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener)
  }
}

/**
 * The first Ctrl-C or SIGTERM, or a terminal that is closed, aborts the signal, so that a long operation can stop at its next safe
 * point. A second Ctrl-C or SIGTERM ends the process as usual.
 */
export function stopOnSignal(): AbortSignal {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())
  // Often two come, one from the system and one from the shell: the second one must not cut short what the first one has asked for.
  process.on('SIGHUP', () => stop.abort())
  return stop.signal
}
