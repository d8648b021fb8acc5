import { NotAttachedError } from '../../errors.ts'
import { partsOf } from '../../http/cookie.ts'
import type { Outcome } from '../../request/visit.ts'
import type { Jar } from './request.ts'

/**
 * Sets the cookies of an outcome by Next's API, which is all that an action has. That keeps one cookie of each name, and ours and those
 * that remove its other spellings have the same. Spaces before a name make it another one for Next, and are no part of it for a browser
 * (RFC 6265bis §5.6), nor for anything that reads HTTP.
 */
export function setCookies({ setCookie, clearCookies = [] }: Outcome, jar: Jar): void {
  const own = setCookie === null ? [] : [setCookie]
  // Under its plain name, so that the page of this request sees it.
  for (const line of own) setLine(line, jar)
  if (clearCookies.length === 0) return
  // Ours once more, and last: a client that does not know Partitioned takes a line that removes the other spelling for one that removes ours.
  for (const [at, line] of [...clearCookies, ...own].entries()) setLine(line, jar, ' '.repeat(at + 1))
}

/**
 * In a proxy, Next replaces all cookies of the response by those that were set by its API, if there are any. Then ours must be among
 * these.
 */
export function setBesideOthers(outcome: Outcome, jar: Jar): void {
  const others: unknown = Reflect.get(jar, Symbol.for('next.mutated.cookies'))
  if (Array.isArray(others) && others.length > 0) setCookies(outcome, jar)
}

function setLine(line: string, jar: Jar, spaces = ''): void {
  const { name, value = '', sameSite, ...attributes } = partsOf(line)
  jar.set({ ...attributes, name: spaces + name, value, ...(sameSite !== undefined && { sameSite }) })
}

/**
 * Throws `NotAttachedError` where Next refuses to set cookies, before anything is saved whose cookie would be lost. Nothing is set: where
 * it may be, `set` looks at the name first.
 */
export function assertSettable(asking: string, jar: Jar): void {
  const untouched = new Error('no cookie is set')
  const probe = {
    get name(): string {
      throw untouched
    },
    value: '',
  }
  try {
    jar.set(probe)
  } catch (error) {
    if (error === untouched) return
    throw new NotAttachedError(
      `${asking} was called while a page is rendered, which cannot set cookies. Call it from a form or from a script, as a server action, or use read(sessions).`,
      { cause: error },
    )
  }
}
