export {
  type AdapterSuiteOptions,
  type AdditionalStore,
  adapterSuite,
  type RunningServer,
  type StartServer,
  type SuiteApplication,
  type SuiteRequest,
  type SuiteResponse,
} from './adapter-suite.ts'
export { type ManualClock, manualClock } from './clock.ts'
export { type SessionForOptions, type SessionForResult, sessionFor } from './session-for.ts'
export { type StoreFactory, type StoreSuiteOptions, type StoreUnderTest, storeSuite } from './store-suite.ts'
