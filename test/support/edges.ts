import { parseAll } from './source.ts'

/** Path from the root ("packages/strongroom/src/store.ts") → text. Each rule returns one line for every fault. */
export type Sources = ReadonlyMap<string, string>

export const STRONGROOM = 'packages/strongroom/src/'

export const inStrongroom = (pattern: string) => new RegExp(`^${STRONGROOM}(?:${pattern})`)

/** Imports of files. */
export function edges(sources: Sources) {
  return every(sources)
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ from, specifier, ...rest }) => ({ from, to: resolved(specifier, from), ...rest }))
}

/** As Node resolves it: `./%61.ts?x` is `./a.ts`. */
const resolved = (specifier: string, from: string) =>
  decodeURIComponent(new URL(specifier, `file:///${from}`).pathname.slice(1))

/** Imports of packages. */
export function outside(sources: Sources) {
  return every(sources).filter(({ specifier }) => !specifier.startsWith('.'))
}

function every(sources: Sources) {
  return [...parseAll(sources)].flatMap(([from, { imports }]) => imports.map((found) => ({ from, ...found })))
}
