import { ConfigError } from '../errors.ts'

/**
 * What the import of an optional driver failed with, as an error that says what to install; what else it failed with, as it is.
 *
 * Each dynamic import of a driver stands in a `try` block of its own, because bundlers go by that: inside one, a package that is not
 * installed is optional, and outside of one it breaks the application's build (esbuild, webpack, Turbopack).
 */
export function importFailure(where: string, name: string, cause: unknown): unknown {
  return isNotInstalled(name, cause)
    ? new DriverMissingError(`${where} needs the package ${name}: npm install ${name}`, { cause })
    : cause
}

export class DriverMissingError extends ConfigError {}

/**
 * By the words of Node, of the code that webpack and Turbopack put in the place of such an import, of Workers, and of Yarn. A
 * dependency that the driver itself lacks is another error, which must not be hidden.
 */
function isNotInstalled(name: string, error: unknown): boolean {
  const { message } = (error ?? {}) as { readonly message?: unknown }
  const words = /(?:cannot find (?:package|module)|no such module|tried to access) ['"]?([^'",\s]+)/i
  const missing = words.exec(String(message))?.[1]
  return missing === name || missing?.startsWith(`${name}/`) === true
}
