import { filesIn } from '../targets/files.ts'
import type { StoredFile } from '../targets/target.ts'

/** A server that the demo can start for itself: a private one on the loopback address, with throw-away data. */
export interface ServerKind {
  readonly name: string
  readonly title: string
  /** As in scripts/programs.mjs. */
  readonly program: string
  readonly place: string
  /** Where the sessions are below its folder; null for what is only in its memory. */
  readonly files: ((dir: string) => Promise<readonly StoredFile[]>) | null
}

export const SERVER_KINDS: readonly ServerKind[] = [
  {
    name: 'postgres',
    title: 'PostgreSQL',
    program: 'postgres',
    place: 'in its tables and its write-ahead log',
    files: (dir) => filesIn(dir, (name) => /^data\/(?:base\/\d+\/1[6-9]\d{3,}|pg_wal\/[0-9A-F]{24})$/.test(name)),
  },
  {
    name: 'mariadb',
    title: 'MariaDB',
    program: 'mariadbd',
    place: 'in its tables and its redo log',
    files: (dir) => filesIn(dir, (name) => /^data\/(?:test\/.*\.ibd|ib_logfile0)$/.test(name)),
  },
  {
    name: 'redis',
    title: 'Redis',
    program: 'redis-server',
    place: 'in its append-only file',
    files: (dir) => filesIn(dir, (name) => name.startsWith('appendonlydir/')),
  },
  {
    name: 'valkey',
    title: 'Valkey',
    program: 'valkey-server',
    place: 'in its append-only file',
    files: (dir) => filesIn(dir, (name) => name.startsWith('appendonlydir/')),
  },
  { name: 'memcached', title: 'memcached', program: 'memcached', place: 'in its memory', files: null },
]
