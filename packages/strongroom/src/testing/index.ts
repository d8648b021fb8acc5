export {
  type AdapterSuiteOptions,
  type Answer,
  type Application,
  type Asked,
  adapterSuite,
  type FurtherStore,
  type Serve,
  type Served,
} from './adapter-suite.ts'
export { type ManualClock, manualClock } from './clock.ts'
export { type SessionForOptions, sessionFor } from './session-for.ts'
export { type StoreFactory, type StoreKnobs, type Subject, storeSuite } from './store-suite.ts'
