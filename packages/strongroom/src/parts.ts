import type { userDevices } from './admin/devices.ts'
import type { removeOld } from './admin/everybody.ts'
import type { findByHandle, keyUseOf, statsOf } from './admin/inspect.ts'
import type { adopt } from './adoption/adopt.ts'
import type { endsRemembered, sourceClients } from './adoption/source.ts'
import type { adoptionOf } from './adoption/visitors.ts'
import type { BackingParts, Engine } from './backing/create.ts'
import type { SessionsContext } from './context.ts'
import type { SessionWatcher } from './request/watcher.ts'

/**
 * What one `createSessions` has, and another has not: `servers.ts` has everything. A Worker is sent to every machine that runs it, so
 * `worker.ts` has sessions in cookies alone, and says what to import instead. Errors are theirs, not of those who ask.
 */
export interface Parts extends BackingParts {
  /** What to write, for errors. */
  readonly example: string
  /** The engine that the option `store` stands for, and whether it was opened here. */
  engineOf(given: Engine | string | undefined): { readonly engine: Engine; readonly ownsStore: boolean }
  readonly adoption: {
    readonly sourceClients: typeof sourceClients
    readonly endsRemembered: typeof endsRemembered
    readonly adoptionOf: typeof adoptionOf
    readonly adopt: typeof adopt
  }
  readonly userLimit: SessionsContext['userLimit']
  readonly userDevices: typeof userDevices
  readonly watcher: (...given: ConstructorParameters<typeof SessionWatcher>) => SessionWatcher
  /** Null where no store can be walked. */
  readonly operators: {
    readonly statsOf: typeof statsOf
    readonly findByHandle: typeof findByHandle
    readonly keyUseOf: typeof keyUseOf
    readonly removeOld: typeof removeOld
  } | null
}
