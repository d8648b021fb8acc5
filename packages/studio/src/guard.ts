import { ConfigError } from 'strongroom'

/** Someone whom the guard let in. The name is shown on every page, and stands in the events. */
export interface Operator {
  readonly name: string
  /** May this one end sessions, where the option `write` lets operators do so? Without it, yes; with anything but true, no. */
  readonly write?: boolean | undefined
}

/**
 * Decides who may see the studio: true or `{ name }` lets in, false is answered with 404, and a `Response`, such as a redirect to a page
 * where one signs in, is sent as it is. `sessions.get(request)` works in it.
 */
export type Guard = (request: Request) => Admission | Promise<Admission>

/** What a `Guard` returns. */
export type Admission = boolean | Operator | Response

const EXAMPLE = `guard: async (request) => (await sessions.get(request)).get('role') === 'operator'`

export function checkGuard(guard: unknown): Guard {
  if (typeof guard === 'function') return guard as Guard
  throw new ConfigError(
    `studio() needs a guard, which decides who may see and end the sessions of your users. Write ${EXAMPLE}.`,
  )
}

export type Verdict =
  | { readonly admitted: true; readonly operator: string | null; readonly write: boolean }
  | { readonly admitted: false; readonly response: Response | null }

/** What the guard says. Only true and an object with a name let in: a guard that forgets to return lets nobody in. */
export async function ask(guard: Guard, request: Request): Promise<Verdict> {
  const said: unknown = await guard(request)
  if (said instanceof Response) return { admitted: false, response: said }
  if (said === true) return { admitted: true, operator: null, write: true }
  const { name, ...rest } = (typeof said === 'object' && said !== null ? said : {}) as Readonly<Record<string, unknown>>
  if (typeof name !== 'string') return { admitted: false, response: null }
  // A role that is missing is undefined, and must not be taken for a permission.
  return { admitted: true, operator: name, write: 'write' in rest ? rest.write === true : true }
}
