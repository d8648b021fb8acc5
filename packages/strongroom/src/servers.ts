import { userDevices } from './admin/devices.ts'
import { removeOld } from './admin/everybody.ts'
import { findByHandle, keyUseOf, statsOf } from './admin/inspect.ts'
import { adopt } from './adoption/adopt.ts'
import { endsRemembered, sourceClients } from './adoption/source.ts'
import { adoptionOf } from './adoption/visitors.ts'
import { checkEngine, createStored } from './backing/stored.ts'
import { primitivesFor } from './crypto/provider.ts'
import { developmentDefaults } from './development.ts'
import { memory } from './engines/memory/memory.ts'
import { engineFromUrl } from './engines/url.ts'
import type { Parts } from './parts.ts'
import { UserLimit } from './request/user-limit.ts'
import { SessionWatcher } from './request/watcher.ts'

export const servers: Parts = {
  example: "createSessions({ secrets: process.env.STRONGROOM_SECRETS, store: 'sqlite:./sessions.db' })",
  primitivesFor,
  engineOf(given) {
    const store = given ?? developmentDefaults().store(memory)
    return typeof store === 'string'
      ? { engine: engineFromUrl(store), ownsStore: true }
      : { engine: checkEngine(store), ownsStore: false }
  },
  createStored,
  adoption: { sourceClients, endsRemembered, adoptionOf, adopt },
  userLimit: (...login) => new UserLimit(...login),
  userDevices,
  watcher: (...given) => new SessionWatcher(...given),
  operators: { statsOf, findByHandle, keyUseOf, removeOld },
}
