import type { Values } from './content.ts'

/** The value that the session itself has under the key, never an inherited one such as `constructor`. */
export function own(values: Values, key: string): unknown {
  return Object.hasOwn(values, key) ? values[key] : undefined
}

/** Defines the key instead of assigning to it: `__proto__` must become data and not a prototype. */
export function put(values: Values, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(values, key, { value, writable: true, enumerable: true, configurable: true })
  else values[key] = value
}
