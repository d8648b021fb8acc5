import type { Id } from '../../crypto/token.ts'
import { type Address, Server } from './server.ts'

/**
 * Which server has which key: the one with the highest score for it (rendezvous hashing), so that taking a server away moves
 * that one's keys only. A server that is down keeps its keys: elsewhere they would be absent, and their sessions in two places
 * when it comes back.
 */
export class Ring {
  readonly #servers: readonly Server[]

  constructor(addresses: readonly Address[], timeout: number) {
    this.#servers = addresses.map((address) => new Server(address, timeout))
  }

  of(id: Id): Server {
    let [best, highest] = [this.#servers[0] as Server, -1]
    if (this.#servers.length === 1) return best
    for (const server of this.#servers) {
      const score = scoreOf(server.address.name, id)
      if (score > highest) [best, highest] = [server, score]
    }
    return best
  }

  /** Rejects when one of them does not answer. */
  async ping(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.ask('mg ping')))
  }

  close(): void {
    for (const server of this.#servers) server.close()
  }
}

/** FNV-1a, and the finalizer of MurmurHash3, without which the last character would decide too little. Never changes: it says where sessions lie. */
function scoreOf(name: string, id: string): number {
  let hash = 0x811c9dc5
  for (const text of [name, id]) {
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
