import * as module from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * An engine loads its driver (pg, mysql2, ioredis, redis) from where strongroom is installed. For `npx @strongroom/cli` that is
 * npx's cache, which has no drivers. This makes what strongroom cannot find there load from the application's folder, which
 * is the working directory.
 */
export function useDriversOfApplication(): void {
  const library = new URL('.', import.meta.resolve('strongroom')).href
  const application = pathToFileURL(join(process.cwd(), 'package.json')).href
  // Node has it since 22.15.
  module.registerHooks?.({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context)
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code !== 'ERR_MODULE_NOT_FOUND' || !context.parentURL?.startsWith(library)) throw error
        return next(specifier, { ...context, parentURL: application })
      }
    },
  })
}

/**
 * On an older Node, the library's advice to install the driver does not help when the application has it already. Returns
 * what does, or null for any other error.
 */
export function driverAdvice(error: unknown): string | null {
  const [, driver] = (error instanceof Error && /\bnpm install (\S+)$/.exec(error.message)) || []
  if (driver === undefined || !isInstalled(driver)) return null
  return `${driver} is installed in this folder, but not where this copy of strongroom looks for it. Install the command beside it: npm install --save-dev @strongroom/cli`
}

/** Can the application, in the working directory, load this package? */
export function isInstalled(name: string): boolean {
  try {
    module.createRequire(join(process.cwd(), 'package.json')).resolve(name)
    return true
  } catch {
    return false
  }
}

/** A driver as the application has it, or else as it is installed beside this package; null if it is in neither place. */
export function driverOfApplication(name: string): unknown {
  for (const from of [join(process.cwd(), 'package.json'), import.meta.filename])
    try {
      return module.createRequire(from)(name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    }
  return null
}
