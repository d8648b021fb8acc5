import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startProxy } from '../../servers/proxy.ts'
import type { Where } from './where.ts'
import type { Place } from './world.ts'

/** Something that goes wrong. */
export interface Failure {
  readonly name: string
  /** What is refused while it lasts: all requests, those that write, those of some visitors, or none. */
  readonly refuses: 'all' | 'writes' | 'some' | 'nothing'
  /** May live sessions be gone afterwards, as with a store that keeps nothing? */
  readonly forgets?: boolean
  /** May writes be gone that were acknowledged shortly before? */
  readonly loses?: boolean
  /** Gets ready: where the application finds its store, and how to break and to mend it. A string is why it cannot be done here. */
  prepare(place: Place): Promise<Break | string>
}

export interface Break {
  readonly where: Where
  strike(): Promise<void>
  mend(): Promise<void>
  clean?(): Promise<void>
}

/** The same for one of several servers. */
export const of = (whose: string, index: number, failure: Failure): Failure => ({
  ...failure,
  name: `${whose}: ${failure.name}`,
  prepare: (place) => failure.prepare({ ...place, servers: place.servers.slice(index, index + 1) }),
})

/** Nobody mends it but the servers themselves. What the old master had not told the others yet is lost. */
const failover = (how: 'is killed' | 'hangs'): Failure => ({
  name: `a master ${how}, and another takes its place`,
  refuses: 'some',
  loses: true,
  async prepare(place) {
    const master = await place.master?.()
    if (!master) return 'there is no other that could take its place'
    return {
      where: place.where,
      strike: async () => (how === 'hangs' ? master.pause() : master.kill()),
      mend: async () => undefined,
      clean: async () => (how === 'hangs' ? master.resume() : undefined),
    }
  },
})

export const failovers: readonly Failure[] = [failover('hangs'), failover('is killed')]

const all = (place: Place, what: 'pause' | 'resume' | 'kill' | 'start') =>
  Promise.all(place.servers.map((server) => server[what]()))

export const hangs: Failure = {
  name: 'the server hangs (SIGSTOP)',
  refuses: 'all',
  prepare: async (place) => ({
    where: place.where,
    strike: async () => void (await all(place, 'pause')),
    mend: async () => void (await all(place, 'resume')),
  }),
}

export const dies = (more: Pick<Failure, 'forgets' | 'loses'> = {}): Failure => ({
  name: 'the server is killed (SIGKILL), and started again',
  refuses: 'all',
  ...more,
  prepare: async (place) => ({
    where: place.where,
    strike: async () => void (await all(place, 'kill')),
    mend: async () => void (await all(place, 'start')),
  }),
})

const onTheWire = (name: string, how: 'cut' | 'hold'): Failure => ({
  name,
  refuses: 'all',
  async prepare(place) {
    const [server] = place.servers
    if (!place.through || !server) return 'there is no one connection to cut'
    const proxy = await startProxy(server.port)
    return {
      where: place.through(proxy.port),
      strike: async () => proxy[how](),
      mend: async () => proxy.mend(),
      clean: () => proxy.close(),
    }
  },
})

export const resets = onTheWire('connections are reset, and new ones too', 'cut')
export const silence = onTheWire('the network swallows everything', 'hold')

/** A disk of 8 MB of its own, which somebody fills to the last byte. */
export const fullDisk = (whereIn: (dir: string) => Where): Failure => ({
  name: 'the disk is full',
  refuses: 'writes',
  async prepare() {
    const dir = mkdtempSync(join(tmpdir(), 'strongroom-disk-'))
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'strongroom-test', dir])
    if (mounted.status !== 0) {
      rmSync(dir, { recursive: true })
      return 'a disk of its own takes root, who may mount one'
    }
    const filler = join(dir, 'filler')
    mkdirSync(join(dir, 'sessions'))
    return {
      where: whereIn(join(dir, 'sessions')),
      strike: async () => fill(filler),
      mend: async () => rmSync(filler),
      async clean() {
        spawnSync('umount', ['-l', dir])
        rmSync(dir, { recursive: true })
      },
    }
  },
})

function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (let size = 2 ** 16; size >= 1; ) {
      try {
        writeSync(file, Buffer.alloc(size))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        size = Math.floor(size / 2)
      }
    }
  } finally {
    closeSync(file)
  }
}

/** A setting that makes the server refuse what it is asked, and how to take it back. */
export const setting = (
  name: string,
  refuses: Failure['refuses'],
  change: (place: Place, on: boolean) => Promise<unknown>,
): Failure => ({
  name,
  refuses,
  prepare: async (place) => ({
    where: place.where,
    strike: async () => void (await change(place, true)),
    mend: async () => void (await change(place, false)),
  }),
})
