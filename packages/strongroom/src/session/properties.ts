import { DataError } from '../errors.ts'

/** What to write instead of an assignment to a fact. */
const CHANGES: Readonly<Record<string, string>> = {
  userId: 'It changes with session.login(userId) and session.logout().',
  authenticatedAt: 'It changes with session.login(userId) and session.stepUp().',
  expiresAt: 'It changes with session.setExpiry(…).',
  endsAt: 'It changes with session.setExpiry(…).',
}

const quoted = (key: string) => `'${key.replaceAll("'", "\\'")}'`

/**
 * `session.cart = []`, as in other libraries, would be a property of this object that nothing saves: it throws instead, and so does a
 * read of `session.cart` when the session has such a value, which would be undefined. A Proxy that is the prototype's prototype is
 * asked only where neither the session nor its class has the property, so that calls of methods cost what they did.
 */
export function guardProperties(prototype: object, has: (session: object, key: string) => boolean): void {
  for (const [name, own] of Object.entries(Object.getOwnPropertyDescriptors(prototype)))
    if (name !== 'constructor') Object.defineProperty(prototype, name, withSetter(name, own))
  // Looked for by every promise that resolves to a session.
  Object.defineProperty(prototype, 'then', { value: undefined })
  const refuseIfThere = (session: object, key: string, verb: string) => {
    if (has(session, key)) throw new DataError(key, `The value ${quoted(key)} is no property: write ${verb}.`)
  }
  const foreign: ProxyHandler<object> = {
    set(target, key, value, session) {
      // Symbols are how tools remember something about an object. Nobody expects that they are saved.
      if (typeof key === 'symbol') return Reflect.set(target, key, value, session)
      throw new DataError(key, `A property of a session is not saved: write session.set(${quoted(key)}, …).`)
    },
    get(target, key, session) {
      if (typeof key === 'string') refuseIfThere(session, key, `session.get(${quoted(key)})`)
      return Reflect.get(target, key, session)
    },
  }
  Object.setPrototypeOf(prototype, new Proxy(Object.create(Object.prototype), foreign))
}

/**
 * Not a read-only property alone: an assignment to that is ignored in CommonJS without 'use strict'. Accessors are as fast as methods
 * once a function is optimized.
 */
function withSetter(name: string, { get, value: method }: PropertyDescriptor): PropertyDescriptor {
  const refuse = () => {
    if (!method)
      throw new DataError(name, `session.${name} is read-only. ${CHANGES[name] ?? 'It is a fact of the session.'}`)
    throw new DataError(name, `session.${name} is a method: to save a value, write session.set('${name}', …).`)
  }
  return { get: get ?? (() => method), set: refuse, configurable: true }
}
