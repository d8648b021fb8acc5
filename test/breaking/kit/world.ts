import { after, before, describe } from 'node:test'
import type { Store } from '../../../packages/strongroom/src/store.ts'
import type { Server } from '../../servers/daemon.ts'
import type { Failure } from './failures.ts'
import type { Opening, Where } from './where.ts'

/** A kind of place where sessions rest, as somebody would run it. */
export interface World {
  readonly name: string
  /** False, or why it cannot be had here. */
  readonly skip: string | false
  /** Who sees the same entries. */
  readonly shared: 'process' | 'machine' | 'network'
  /** How much of what was acknowledged is there after its server was killed. */
  readonly keeps: 'all' | 'some' | 'nothing'
  /** Ms for which a process may believe what another has changed; none unless it has a cache of its own. */
  readonly staleFor?: number
  /** Can its records be got at from outside of the application? Then its places have a vandal. */
  readonly tamperable: boolean
  /** What can go wrong with it. */
  readonly failures: readonly Failure[]
  /** Brings it up: empty, and nobody else's. What is not `synced` does not wait for the disk, for nobody cuts the power. */
  start(synced: boolean): Promise<Place>
}

/** A world that is up. */
export interface Place {
  readonly where: Where
  /** What a test may kill or pause; none where the engine is a part of the application. */
  readonly servers: readonly Server[]
  /** The one whose place another takes by itself, where there is such a thing. */
  readonly master?: () => Promise<Server>
  open(opening?: Opening): Promise<Store>
  /** The same store by way of another port; absent where there is no one connection to cut. */
  readonly through?: (port: number) => Where
  /** Every byte that a thief of the disks, of the backups, and of the memory of caches would have, by where it was found. */
  loot(): Promise<Map<string, Buffer>>
  /** The records as they rest, for a vandal who can write them; absent where nobody else can get at them. */
  readonly vandal?: Vandal
  stop(): Promise<void>
}

/** Somebody who knows how the engine keeps its records, and can write there. */
export interface Vandal {
  /** Names of all records. */
  names(): Promise<string[]>
  /** What is under a name, as it rests: a row's payload, a value, a whole file. */
  read(name: string): Promise<Buffer>
  /** Puts other bytes there, and leaves the rest (the deadline, say) as it is. */
  write(name: string, bytes: Uint8Array): Promise<void>
  /** Is it the payload alone that he writes, what the engine keeps beside it as well, or a copy that nobody depends on? */
  readonly reach: 'payload' | 'record' | 'copy'
  close(): Promise<void>
}

interface Proof {
  readonly title: string
  /** Does the proof depend on writes that wait for the disk? Without them it takes a fraction of the time. */
  readonly synced: boolean
}

/** Runs a proof on every world, one after the other; each is started once. */
export function onEach(
  worlds: readonly World[],
  { title, synced }: Proof,
  proof: (world: World, place: () => Place) => void,
): void {
  for (const world of worlds)
    describe(`on ${world.name}: ${title}`, { skip: world.skip }, () => {
      let up: Place | undefined
      before(async () => {
        up = await world.start(synced)
      })
      proof(world, () => up ?? raise('the world is not up'))
      // After what the proof itself has to close.
      after(() => up?.stop())
    })
}

export function raise(message: string): never {
  throw new Error(message)
}
