import type { userDevices } from './admin/devices.ts'
import type { removeOld } from './admin/everybody.ts'
import type { operatorsOf } from './admin/operators.ts'
import type { sweepsOf } from './admin/sweeps.ts'
import type { adopt } from './adoption/adopt.ts'
import type { endsRemembered, sourceClients } from './adoption/source.ts'
import type { adoptionOf } from './adoption/visitors.ts'
import type { BackingParts, Engine } from './backing/create.ts'
import type { Audit, BindingFacts, DeviceBinding, DeviceBound, SessionsContext } from './context.ts'
import type { presetOf } from './policy/presets.ts'
import type { policyReport } from './policy/report.ts'
import type { createAddresses } from './request/addresses.ts'
import type { createAnonymous } from './request/anonymous.ts'
import type { AuditOptions, loginFailed } from './request/audit.ts'
import type { createGuessing } from './request/guessing.ts'
import type { NotAttachedMessages } from './request/not-attached.ts'
import type { peek } from './request/peek.ts'
import type { renewalOf } from './request/renewal.ts'
import type { signInPolicyOf } from './request/sign-in-policy.ts'
import type { createSignals } from './request/signals.ts'
import type { SessionWatcher } from './request/watcher.ts'
import type { DataRules } from './session/data-rules.ts'
import type { DataSchemaOption } from './session/data-schema.ts'
import type { Serializer } from './session/serializer.ts'
import type { strangersOf } from './strangers.ts'

/**
 * What one `createSessions` has, and another has not: `servers.ts` has everything. A Worker is sent to every machine that runs it, so
 * `worker.ts` has sessions in cookies alone, and says what to import instead. Errors are theirs, not of those who ask.
 */
export interface Parts extends BackingParts {
  /** What to write, for errors. */
  readonly example: string
  /** By names of options of other places: what to write instead. */
  readonly otherOptions: Readonly<Record<string, string>>
  readonly presetOf: typeof presetOf
  readonly policyReport: typeof policyReport
  /** The engine that the option `store` stands for, and whether it was opened here. */
  engineOf(given: Engine | string | undefined): { readonly engine: Engine; readonly ownsStore: boolean }
  readonly notAttached: NotAttachedMessages
  readonly adoption: {
    readonly sourceClients: typeof sourceClients
    readonly endsRemembered: typeof endsRemembered
    readonly adoptionOf: typeof adoptionOf
    readonly adopt: typeof adopt
  }
  /** The option `dataSchema`, in whatever form it was passed. */
  dataRules(given: DataSchemaOption<object>, serializer: Serializer | null): DataRules
  readonly renewalOf: typeof renewalOf
  readonly userLimit: SessionsContext['userLimit']
  readonly proofs: SessionsContext['proofs']
  readonly peek: typeof peek
  readonly userDevices: typeof userDevices
  /** Names a device, unless the option `device` does: where there is no list of devices, no session has to carry a name. */
  readonly describeDevice: (userAgent: string | null) => string | null
  readonly addressesOf: typeof createAddresses
  /** Absent where the option is refused, as `anonymousOf` and `guessingOf` are. */
  readonly signalsOf?: typeof createSignals
  readonly anonymousOf?: typeof createAnonymous
  readonly guessingOf?: typeof createGuessing
  readonly signInPolicyOf: typeof signInPolicyOf
  readonly binding: (given: DeviceBound | undefined, facts: BindingFacts) => DeviceBinding | null
  readonly sweeps: typeof sweepsOf
  readonly strangers: typeof strangersOf
  readonly audit: (options: AuditOptions) => Audit | null
  readonly loginFailed: typeof loginFailed
  readonly watcher: (...given: ConstructorParameters<typeof SessionWatcher>) => SessionWatcher
  readonly operators: typeof operatorsOf
  /** Absent where no store can be walked. */
  readonly removeOld?: typeof removeOld
}
