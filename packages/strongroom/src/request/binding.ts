import { insteadOf } from '../base/check.ts'
import type { BindingFacts, DeviceBinding, DeviceBound } from '../context.ts'
import { ConfigError } from '../errors.ts'

/** The option `deviceBound`. Throws `ConfigError` for what is not of `deviceBound()`, and for sessions that cannot be bound. */
export function bindingOf(given: DeviceBound | undefined, facts: BindingFacts): DeviceBinding | null {
  if (given === undefined) return null
  if (typeof given?.bindingFor === 'function') return given.bindingFor(facts)
  throw new ConfigError(
    `deviceBound must be deviceBound(), from 'strongroom/device-bound': write createSessions({ deviceBound: deviceBound() }).${insteadOf(given)}`,
  )
}
