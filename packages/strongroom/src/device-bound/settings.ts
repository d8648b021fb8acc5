/** The options of `deviceBound`, checked. */
export interface Settings {
  readonly paths: { readonly register: string; readonly refresh: string }
  /** How long the cookie of a proof is good, in ms. */
  readonly refreshEvery: number
  /** How long after a login a key can be registered, in ms. */
  readonly toRegister: number
  /** The longest that a session without a key lives, in ms; null without limits of its own. */
  readonly limits: { readonly idle: number; readonly absolute: number } | null
  readonly origin: string | null
}
