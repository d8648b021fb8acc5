import type { Clock, Store } from '../../../src/store.ts'

/** All that another process has to know to open the same store. It travels as JSON. */
export type Where =
  | { readonly engine: 'memory' }
  | { readonly engine: 'file' | 'sqlite'; readonly path: string }
  | { readonly engine: 'postgres' | 'mysql' | 'redis'; readonly url: string }

/** What each process, and each test, may choose for itself. */
export interface Opening {
  readonly clock?: Clock
  /** Ms that a call may take in the engine itself. */
  readonly timeout?: number
}

/** A handle of its own on the store; loads the engine that is asked for and no other. */
export async function openAt(where: Where, { clock, timeout = 10_000 }: Opening = {}): Promise<Store> {
  switch (where.engine) {
    case 'memory':
      return (await import('../../../src/engines/memory.ts')).memory({ clock })
    case 'file':
      return (await import('../../../src/engines/file.ts')).file({ dir: where.path, clock, timeout })
    case 'sqlite':
      return (await import('../../../src/engines/sqlite.ts')).sqlite({ path: where.path, clock, timeout })
    case 'postgres': {
      const { postgres } = await import('../../../src/engines/postgres.ts')
      return postgres({ url: where.url, createTable: true, clock, timeout })
    }
    case 'mysql': {
      const { mysql } = await import('../../../src/engines/mysql.ts')
      return mysql({ url: where.url, createTable: true, clock, timeout })
    }
    case 'redis':
      return (await import('../../../src/engines/redis.ts')).redis({ url: where.url, clock, timeout })
  }
}
