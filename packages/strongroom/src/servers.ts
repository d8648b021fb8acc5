import { userDevices } from './admin/devices.ts'
import { removeOld } from './admin/everybody.ts'
import { operatorsOf } from './admin/operators.ts'
import { sweepsOf } from './admin/sweeps.ts'
import { adopt } from './adoption/adopt.ts'
import { endsRemembered, sourceClients } from './adoption/source.ts'
import { adoptionOf } from './adoption/visitors.ts'
import { checkEngine, createStored } from './backing/stored.ts'
import { limitOf } from './base/time-limit.ts'
import { createCopyKeys } from './crypto/copy-keys.ts'
import { primitivesFor } from './crypto/provider.ts'
import { developmentDefaults } from './development.ts'
import { memory } from './engines/memory/memory.ts'
import { engineFromUrl } from './engines/url.ts'
import { OTHER_OPTIONS } from './other-options.ts'
import type { Parts } from './parts.ts'
import { presetOf } from './policy/presets.ts'
import { policyReport } from './policy/report.ts'
import { createAddresses } from './request/addresses.ts'
import { createAnonymous } from './request/anonymous.ts'
import { auditOf, loginFailed } from './request/audit.ts'
import { bindingOf } from './request/binding.ts'
import { createGuessing } from './request/guessing.ts'
import { notAttached } from './request/not-attached.ts'
import { peek } from './request/peek.ts'
import { renewalOf } from './request/renewal.ts'
import { signInPolicyOf } from './request/sign-in-policy.ts'
import { createSignals } from './request/signals.ts'
import { UserLimit } from './request/user-limit.ts'
import { SessionWatcher } from './request/watcher.ts'
import { type DataRules, rulesFor } from './session/data-rules.ts'
import { type DataSchemaSettings, dataSchema } from './session/data-schema.ts'
import { describeDevice } from './session/device.ts'
import { proofs } from './session/fresh.ts'
import { strangersOf } from './strangers.ts'

export const servers: Parts = {
  example: "createSessions({ secrets: process.env.STRONGROOM_SECRETS, store: 'sqlite:./sessions.db' })",
  otherOptions: OTHER_OPTIONS,
  presetOf,
  policyReport,
  primitivesFor,
  limitOf,
  engineOf(given) {
    const store = given ?? developmentDefaults().store(memory)
    return typeof store === 'string'
      ? { engine: engineFromUrl(store), ownsStore: true }
      : { engine: checkEngine(store), ownsStore: false }
  },
  createStored,
  copyKeys: createCopyKeys,
  notAttached,
  adoption: { sourceClients, endsRemembered, adoptionOf, adopt },
  dataRules: (given, serializer) =>
    (rulesFor(given) ?? rulesFor(dataSchema(given as DataSchemaSettings<object>)))?.(serializer) as DataRules,
  renewalOf,
  userLimit: (...login) => new UserLimit(...login),
  proofs,
  peek,
  userDevices,
  describeDevice,
  addressesOf: createAddresses,
  signalsOf: createSignals,
  anonymousOf: createAnonymous,
  guessingOf: createGuessing,
  signInPolicyOf,
  binding: bindingOf,
  sweeps: sweepsOf,
  strangers: strangersOf,
  audit: auditOf,
  loginFailed,
  watcher: (...given) => new SessionWatcher(...given),
  operators: operatorsOf,
  removeOld,
}
