import type { ConnectStore } from '../base/connect.ts'
import type { Store } from '../store.ts'
export function connectEngine(_store: ConnectStore): Store {
  throw new Error('pending')
}
export const isConnectStore = (value: unknown): value is ConnectStore =>
  ['get', 'set', 'destroy'].every((m) => typeof (value as Record<string, unknown> | null)?.[m] === 'function')
