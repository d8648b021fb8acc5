export type { ConnectStore } from '../base/connect.ts'
export {
  type ExpressSecret,
  type ExpressSessionMovedOptions,
  type ExpressSessionOptions,
  expressSession,
} from './express-session.ts'
export type { SessionValues } from './foreign-values.ts'
export { type IronSessionOptions, ironSession } from './iron-session.ts'
