import { edges, inStrongroom, outside, type Sources, STRONGROOM } from './edges.ts'
import { lineAt, parse, parseAll } from './source.ts'

/** `index.ts` is a door: what it defined itself could not be reached by any other file without a cycle. */
export function doorThatIsMore(sources: Sources): string[] {
  const { bare = '' } = parse('index.ts', sources.get(`${STRONGROOM}index.ts`) ?? '')
  const rest = bare.replace(/export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s*from\s*(['"])\s*\1;?/g, '').trim()
  return rest === '' ? [] : [`${STRONGROOM}index.ts does more than re-export: ${rest.split('\n')[0]}`]
}

/** Cycles, each told once, as the path that closes it. A cycle of types is a cycle. */
export function cycles(sources: Sources): string[] {
  const all = edges(sources)
  const done = new Set<string>()
  const found: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file)
    if (start >= 0) found.push([...path.slice(start), file].join(' → '))
    if (start >= 0 || done.has(file)) return
    for (const { from, to } of all) if (from === file) visit(to, [...path, file])
    done.add(file)
  }
  for (const file of sources.keys()) visit(file, [])
  return found
}

/** A file that is meant to be an entry point, and is none: an engine, `engines/redis/redis.ts`, or an adapter. */
export function forgottenEntryPoints(sources: Sources, entryPoints: Iterable<string>): string[] {
  const published = new Set(entryPoints)
  const doors = [...sources.keys()].filter(
    (file) => inStrongroom('engines/(\\w+)/\\1\\.ts$').test(file) || inStrongroom('adapters/\\w+\\.ts$').test(file),
  )
  return [
    ...[...published]
      .filter((file) => !sources.has(file))
      .map((file) => `package.json exports ${file}, which does not exist`),
    ...doors.filter((file) => !published.has(file)).map((file) => `${file} is not in the exports of its package.json`),
  ]
}

/** For the demo, the benchmarks and the examples: imports by path of what an application imports by a package's name. */
export function publicByPath(sources: Sources, entryPoints: Iterable<string>): string[] {
  const published = new Set(entryPoints)
  return edges(sources)
    .filter(({ to }) => published.has(to))
    .map(({ from, to, line }) => `${from}:${line} must import ${to} by the name of its package`)
}

/** What one package may import: what its package.json declares, and in `strongroom` only where it belongs. */
export interface Allowed {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

export function packagesNotAllowed(sources: Sources, { dependencies = {}, peerDependencies = {} }: Allowed): string[] {
  return outside(sources).flatMap(({ from, specifier, line }) => {
    if (specifier.startsWith('node:')) return []
    const [first = '', second] = specifier.split('/')
    const name = first.startsWith('@') ? `${first}/${second}` : first
    // A package without types of its own, of which only the types are taken.
    const isPeer = name in peerDependencies || `@types/${name}` in peerDependencies
    if (!(name in dependencies) && !isPeer)
      return [`${from}:${line} imports ${name}, which its package.json does not declare`]
    return !from.startsWith(STRONGROOM) || belongs(name, from, isPeer)
      ? []
      : [`${from}:${line} imports ${name}: no package belongs here`]
  })
}

function belongs(name: string, file: string, isPeer: boolean): boolean {
  if (name === 'cookie') return inStrongroom('(?:http|express-session|device-bound)/').test(file)
  if (name === 'jose' || name === 'structured-headers') return inStrongroom('device-bound/').test(file)
  // What opens the cookies of another library.
  if (name === 'iron-session') return inStrongroom('adoption/iron-session\\.ts$').test(file)
  if (name === '@opentelemetry/api') return inStrongroom('opentelemetry/').test(file)
  return isPeer && inStrongroom('(?:adapters|engines|express-session)/').test(file)
}

const IMPURE =
  /\b(?:Date\.now|new Date\(\s*\)|performance\.|setTimeout|setInterval|setImmediate|queueMicrotask|fetch\(|process\.|console\.)/g

/** The session's files are functions of what they are given: time and I/O come from their callers. */
export function impurities(sources: Sources): string[] {
  const pure = new Map([...sources].filter(([path]) => inStrongroom('session/').test(path)))
  return [
    ...outside(pure).map(({ from, specifier, line }) => `${from}:${line} is pure and imports ${specifier}`),
    ...matches(pure, IMPURE, 'bare').map(({ at, text }) => `${at} is pure and uses ${text}`),
  ]
}

const RANDOM = /\b(?:randomBytes|randomInt|randomUUID|randomFill(?:Sync)?|getRandomValues)\b/g

export function randomnessFromElsewhere(sources: Sources): string[] {
  const parsed = parseAll(sources)
  const importsCrypto = (path: string) =>
    parsed.get(path)?.imports.some(({ specifier, typeOnly }) => specifier === 'node:crypto' && !typeOnly)
  const without = new Map([...sources].filter(([path]) => !importsCrypto(path)))
  return [
    ...matches(sources, /\bMath\.random\b/g, 'bare').map(({ at }) => `${at} uses Math.random: take node:crypto`),
    ...matches(sources, /\b(?:webcrypto|globalThis\.crypto|(?<![\w.])crypto\.getRandomValues)\b/g, 'bare').map(
      ({ at, text }) => `${at} uses ${text}: take node:crypto`,
    ),
    ...matches(without, RANDOM, 'bare').map(({ at, text }) => `${at} uses ${text} without importing node:crypto`),
  ]
}

const CHAIN = String.raw`(?:typeof\s+)?[A-Za-z_$#][\w$#]*(?:(?:\?|!)?\.[\w$#]+|\[[^[\]]*\]|\([^()]*\)|!)*`
const COMPARISON = new RegExp(`(${CHAIN})\\s*[!=]==?\\s*(${CHAIN})`, 'g')
const EQUALS = new RegExp(`(${CHAIN})\\.equals\\(`, 'g')
const SECRET =
  /^(?:token|tag|h?mac|secret|commitment|signature|sig|digest|hash|password)$|(?:Token|Tag|H?[mM]ac|Secret|Commitment|Signature|Digest|Hash|Password)$/
const PUBLIC = /^(?:null|undefined|true|false|NaN|[A-Z][A-Z0-9_]*)$|^typeof\s/

/** A comparison that stops at the first difference tells an attacker how much of a guess was right. */
export function secretsCompared(sources: Sources): string[] {
  const compared = matches(sources, COMPARISON, 'bare').filter(({ groups: [left = '', right = ''] }) => {
    if (PUBLIC.test(left) || PUBLIC.test(right)) return false
    return isSecret(left) || isSecret(right)
  })
  const equals = matches(sources, EQUALS, 'bare').filter(({ groups: [left = ''] }) => isSecret(left))
  return [...compared, ...equals].map(
    ({ at, text }) => `${at} compares a secret: "${text.replace(/\s+/g, ' ')}". Use equal() of crypto/keyring.ts`,
  )
}

/** The value of `a.b(c).tag.toString('hex')` is what `tag` names: calls that only convert are looked through. */
function isSecret(chain: string): boolean {
  const names = chain.replace(/\([^()]*\)|\[[^[\]]*\]|[!?#]/g, '').split('.')
  const converts = /^(?:toString|hexSlice|slice|subarray|valueOf|trim|toLowerCase|toHex|toBase64)$/
  return SECRET.test(names.findLast((name) => !converts.test(name)) ?? '')
}

const UPSERTS: readonly RegExp[] = [
  /\bON\s+CONFLICT\b(?:(?!\bDO\s+NOTHING\b)[^;`])*?\bDO\s+UPDATE\b/gi,
  /\b(?:INSERT\s+OR\s+REPLACE|REPLACE\s+INTO|ON\s+DUPLICATE\s+KEY|MERGE\s+INTO)\b/gi,
  // Redis and memcached: SET creates what is missing unless NX or XX says otherwise, in a command, a call, or Lua.
  /(['"`])(?:SET|PSETEX|SETEX|GETSET)\1(?![^)\]}]*\b[NX]X\b)/gi,
  /\b(?:client|redis|memcached|cluster|connection)\.(?:set|setEx|psetEx|setex|psetex)\((?![^)]*\b[NX]X\b)/g,
  /(['"`])(?:set|ms) \$\{/g,
]

/** A write that creates what is missing brings a logged-out session back. */
export function upserts(sources: Sources): string[] {
  const engines = new Map([...sources].filter(([path]) => path.startsWith(`${STRONGROOM}engines/`)))
  return UPSERTS.flatMap((pattern) => matches(engines, pattern, 'code')).map(
    ({ at, text }) => `${at} is an upsert: ${text.replace(/\s+/g, ' ')}`,
  )
}

/** Files that are longer, each with the reason why it is still about one thing. */
const LONG: Readonly<Record<string, string>> = {}

export function tooLong(sources: Sources, limit = 400, reviewed = LONG): string[] {
  return [...sources].flatMap(([path, text]) => {
    const lines = text.trimEnd().split('\n').length
    return lines > limit && !(path in reviewed) ? [`${path} has ${lines} lines; ${limit} is the limit`] : []
  })
}

export function leftovers(sources: Sources): string[] {
  const quiet = new Map([...sources].filter(([path]) => !path.startsWith('packages/cli/')))
  return [
    ...matches(quiet, /\bconsole\.\w+/g, 'bare').map(({ at, text }) => `${at} prints: ${text}`),
    ...matches(sources, /\b(?:TODO|FIXME|XXX)\b/g, 'text').map(({ at, text }) => `${at} has a ${text}`),
  ]
}

/** A message is for developers. What a visitor may read is decided by `publicMessage` alone. */
export function messagesShown(sources: Sources): string[] {
  const adapters = new Map([...sources].filter(([path]) => path.startsWith(`${STRONGROOM}adapters/`)))
  return matches(adapters, /\.message\b/g, 'bare').map(({ at }) => `${at} reads a message: use publicMessage`)
}

/** V8 misreads some keys with escapes: see base/json.ts. What a test of an application parses is not ours. */
export function parsedByV8(sources: Sources): string[] {
  const ours = /^packages\/(?:strongroom\/src\/(?!testing\/|base\/json\.ts$)|django\/src\/)/
  const read = new Map([...sources].filter(([path]) => ours.test(path)))
  return matches(read, /\bJSON\s*(?:\?\.|\.)\s*parse\b|\{[^}]*\bparse\b[^}]*\}\s*=\s*JSON\b/g, 'bare').map(
    ({ at }) => `${at} parses JSON with JSON.parse: use parseJson() of base/json.ts`,
  )
}

/** Where sessions are is known to the backing, which gives the advice for errors. Engines speak of themselves. */
export function advicePastTheBacking(sources: Sources): string[] {
  const others = new Map(
    [...sources].filter(([path]) => path.startsWith(STRONGROOM) && !inStrongroom('(?:backing|engines)/').test(path)),
  )
  return matches(others, /(['"`])[^'"`\n]*\bin (?:their|its|the) (?:\w+' )?cookies?\b/g, 'code').map(
    ({ at }) => `${at} says in a message where sessions are: take the advice of the backing`,
  )
}

const PLACES =
  /(?<![\w.~-])\/(?:work|root|home\/\w+|Users\/\w+)\/\w|\bregistry\.[\w-]+\.\w+|\bdeb\.\w+\.org|"resolved":\s*"http/g

/** For every tracked file: nothing in it is true of one machine only. */
export function machinePlaces(files: Sources): string[] {
  return matches(files, PLACES, 'text').map(({ at, text }) => `${at} names a place of one machine: ${text}`)
}

interface Match {
  readonly at: string
  readonly text: string
  readonly groups: readonly string[]
}

function matches(sources: Sources, pattern: RegExp, part: 'text' | 'code' | 'bare'): Match[] {
  const parsed = part === 'text' ? null : parseAll(sources)
  return [...sources].flatMap(([path, text]) => {
    const searched = part === 'text' ? text : (parsed?.get(path)?.[part] ?? '')
    return [...searched.matchAll(pattern)].map(({ index, 0: found, ...groups }) => ({
      at: `${path}:${lineAt(text, index)}`,
      text: found,
      groups: [groups[1] ?? '', groups[2] ?? ''],
    }))
  })
}
