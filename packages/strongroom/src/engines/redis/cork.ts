/** What is used of an ioredis client for one server. */
export interface CorkableClient {
  readonly status: string
  /** The connection of the moment. A client that connects again has another one. */
  readonly stream?: { cork(): void; uncork(): void } | undefined
}

/**
 * Returns a function to call before each command: it corks the connection until the end of the turn of the event loop. The commands
 * of all requests that arrived together then go out in one write, because a system call for each costs more than all else that is
 * done for it. Auto-pipelining of ioredis saves the same system calls, and makes more promises for each command than it saves.
 */
export function corkingTurns(client: CorkableClient): () => void {
  let corked: CorkableClient['stream']
  function uncork(): void {
    // That one, even if the client has connected again. Nothing happens to one that was closed: closing writes what was held back.
    corked?.uncork()
    corked = undefined
  }
  return () => {
    // Before it is ready, the client has a queue of its own, and what it sends to become ready is not ours to hold back.
    if (corked !== undefined || client.status !== 'ready') return
    corked = client.stream
    corked?.cork()
    setImmediate(uncork)
  }
}
