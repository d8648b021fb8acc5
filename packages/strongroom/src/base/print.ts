/** By which Node, Bun and Deno know how an object wants to be printed. */
export const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/**
 * Has `console.log` show these facts instead of the object, which has dozens of functions, and may have a connection with a password in it.
 * Not enumerable, so that a copy of the object is not printed as the object.
 */
export function printedAs<T extends object>(object: T, name: string, facts: () => object): T {
  const print = (depth: number, options: object, inspect: (value: object, options: object) => string) =>
    depth < 0 ? `[${name}]` : `${name} ${inspect(facts(), options)}`
  return Object.defineProperty(object, INSPECT, { value: print })
}
