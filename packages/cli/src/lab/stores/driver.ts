import { driverOfApplication } from '../../drivers.ts'
import { NotRun } from '../attack.ts'

/** The first of these packages that is installed. Throws `NotRun` with the line that installs one. */
export function driver<T>(...names: readonly string[]): { readonly name: string; readonly module: T } {
  for (const name of names) {
    const module = driverOfApplication(name)
    if (module !== null) return { name, module: module as T }
  }
  throw new NotRun(`${names[0]} is not installed: npm install ${names[0]}`)
}
