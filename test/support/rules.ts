import { posix } from 'node:path'
import { lineAt, parse } from './source.ts'

/** Path from the root ("src/token.ts") → text. Each rule answers with one line for every fault, none when all is well. */
export type Sources = ReadonlyMap<string, string>

interface Layer {
  readonly files: RegExp
  /** What may be loaded at run time, and what only its types may be taken from (design: who may import what). */
  readonly loads: RegExp
  readonly types?: RegExp
}

const OUTER = /^src\/(?:cli|lab|studio|compat|testing)\//
/** The session and what it is made of: no I/O, no clock. */
const PURE = /^src\/(?:session|state|serializer|login|expiry|merge|lifetime|codec\/json)\.ts$/

/** The first that fits a file counts. */
const LAYERS: readonly Layer[] = [
  { files: OUTER, loads: /^src\// },
  { files: /^src\/errors\.ts$/, loads: /^$/ },
  { files: /^src\/store\.ts$/, loads: /^src\/errors\.ts$/, types: /^src\/token\.ts$/ },
  { files: /^src\/token\.ts$/, loads: /^src\/(?:errors|keyring)\.ts$/ },
  {
    files: PURE,
    loads: /^src\/(?:errors|options|session|state|serializer|login|expiry|merge|lifetime|codec\/json)\.ts$/,
    types: /^src\/(?:store|token)\.ts$/,
  },
  {
    files: /^src\/codec\//,
    loads: /^src\/(?:(?:errors|options|keyring|token|memo)\.ts|codec\/)/,
    types: /^src\/store\.ts$/,
  },
  { files: /^src\/transport\//, loads: /^src\/(?:(?:errors|options)\.ts|transport\/)/, types: /^src\/token\.ts$/ },
  {
    files: /^src\/engines\//,
    loads: /^src\/(?:(?:errors|options|store|time-limit)\.ts|engines\/)/,
    types: /^src\/token\.ts$/,
  },
  {
    files: /^src\/adapters\//,
    loads: /^src\/(?:errors\.ts|options\.ts|adapters\/)/,
    types: /^src\/(?:sessions?|visit)\.ts$/,
  },
  { files: /^src\/index\.ts$/, loads: /^src\/(?!(?:cli|lab|studio|compat|testing)\/)/ },
  // The rest is the core: it knows no adapter, and of the engines only what needs no driver.
  {
    files: /^src\//,
    loads: /^src\/(?:[\w-]+\.ts|codec\/|transport\/|engines\/(?:memory|cookie|url)\.ts)/,
    types: /^src\/engines\//,
  },
]

export function importsAgainstTheDesign(sources: Sources): string[] {
  return edges(sources).flatMap(({ from, to, typeOnly, line }) => {
    const layer = LAYERS.find(({ files }) => files.test(from))
    if (!layer || layer.loads.test(to) || (typeOnly && layer.types?.test(to))) return []
    const may = layer.types?.test(to) ? 'may take only types of (import type)' : 'must not import'
    return [`${from}:${line} ${may} ${to}`]
  })
}

/** `index.ts` is a door: what it defined itself could not be reached by any other file without a cycle. */
export function doorThatIsMore(sources: Sources): string[] {
  const { bare = '' } = parse(sources.get('src/index.ts') ?? '')
  const rest = bare.replace(/export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s*from\s*(['"])\s*\1;?/g, '').trim()
  return rest === '' ? [] : [`src/index.ts does more than re-export: ${rest.split('\n')[0]}`]
}

/** Cycles at run time, each told once, as the path that closes it. */
export function cycles(sources: Sources): string[] {
  const loaded = edges(sources).filter(({ typeOnly }) => !typeOnly)
  const done = new Set<string>()
  const found: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file)
    if (start >= 0) found.push([...path.slice(start), file].join(' → '))
    if (start >= 0 || done.has(file)) return
    for (const { from, to } of loaded) if (from === file) visit(to, [...path, file])
    done.add(file)
  }
  for (const file of sources.keys()) visit(file, [])
  return found
}

export interface Manifest {
  readonly exports: Readonly<Record<string, string>>
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** Files of `engines` and `adapters` that are no subpath of their own. A new file there is exported, or named here. */
const INTERNAL: readonly string[] = [
  'src/engines/lock.ts',
  'src/engines/owners.ts',
  'src/engines/packing.ts',
  'src/engines/query.ts',
  'src/engines/sql.ts',
  'src/engines/sweep.ts',
  'src/engines/together.ts',
  'src/engines/url.ts',
  'src/adapters/headers.ts',
  'src/adapters/node-response.ts',
]

export function exportsAgainstFiles(sources: Sources, { exports, bin = {} }: Manifest, internal = INTERNAL): string[] {
  const published = new Set(
    [...Object.values(exports), ...Object.values(bin)].map((file) =>
      file.replace('./dist/', 'src/').replace(/\.js$/, '.ts'),
    ),
  )
  published.delete('./package.json')
  const missing = [...published].filter((file) => !sources.has(file))
  const forgotten = [...sources.keys()].filter(
    (file) => /^src\/(?:engines|adapters)\/[^/]+\.ts$/.test(file) && !published.has(file) && !internal.includes(file),
  )
  return [
    ...missing.map((file) => `package.json publishes ${file}, which does not exist`),
    ...forgotten.map((file) => `${file} is neither in package.json's exports nor in INTERNAL (test/support/rules.ts)`),
  ]
}

/** Outside packages: the core has `cookie`; an adapter has its framework, which is a peer; nobody takes what is undeclared. */
export function packagesNotAllowed(sources: Sources, { dependencies = {}, peerDependencies = {} }: Manifest): string[] {
  return outside(sources).flatMap(({ from, specifier, line }) => {
    if (specifier.startsWith('node:')) return []
    const [first = '', second] = specifier.split('/')
    const name = first.startsWith('@') ? `${first}/${second}` : first
    if (!(name in dependencies) && !(name in peerDependencies))
      return [`${from}:${line} imports ${name}, which is no dependency and no peer`]
    const peer = name in peerDependencies
    const allowed =
      OUTER.test(from) ||
      (/^src\/adapters\//.test(from) && peer) ||
      (/^src\/engines\//.test(from) && (peer || (/^src\/engines\/memory\b/.test(from) && name === 'lru-cache'))) ||
      name === 'cookie'
    return allowed ? [] : [`${from}:${line} imports ${name}: no package belongs here`]
  })
}

const IMPURE =
  /\b(?:Date\.now|new Date\(\s*\)|performance\.|setTimeout|setInterval|setImmediate|queueMicrotask|fetch\(|process\.|console\.)/g

/** The session's files are functions of what they are given: time and I/O come from whoever calls them. */
export function impurities(sources: Sources): string[] {
  const pure = new Map([...sources].filter(([path]) => PURE.test(path)))
  return [
    ...outside(pure).map(({ from, specifier, line }) => `${from}:${line} is pure and imports ${specifier}`),
    ...matches(pure, IMPURE, 'bare').map(({ at, text }) => `${at} is pure and uses ${text}`),
  ]
}

const RANDOM = /\b(?:randomBytes|randomInt|randomUUID|randomFill(?:Sync)?|getRandomValues)\b/g

export function randomnessFromElsewhere(sources: Sources): string[] {
  const without = new Map(
    [...sources].filter(
      ([, text]) => !parse(text).imports.some(({ specifier, typeOnly }) => specifier === 'node:crypto' && !typeOnly),
    ),
  )
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
    ({ at, text }) => `${at} compares a secret: "${text.replace(/\s+/g, ' ')}". Take equal() of keyring.ts`,
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
  const engines = new Map([...sources].filter(([path]) => path.startsWith('src/engines/')))
  return UPSERTS.flatMap((pattern) => matches(engines, pattern, 'code')).map(
    ({ at, text }) => `${at} is an upsert: ${text.replace(/\s+/g, ' ')}`,
  )
}

/** Files that are longer for a reason that was looked at. */
const LONG: Readonly<Record<string, string>> = {}

export function tooLong(sources: Sources, limit = 250, reviewed = LONG): string[] {
  return [...sources].flatMap(([path, text]) => {
    const lines = text.trimEnd().split('\n').length
    return lines > limit && !(path in reviewed) ? [`${path} has ${lines} lines; ${limit} is the limit`] : []
  })
}

export function leftovers(sources: Sources): string[] {
  const quiet = new Map([...sources].filter(([path]) => !path.startsWith('src/cli/')))
  return [
    ...matches(quiet, /\bconsole\.\w+/g, 'bare').map(({ at, text }) => `${at} prints: ${text}`),
    ...matches(sources, /\b(?:TODO|FIXME|XXX)\b/g, 'text').map(({ at, text }) => `${at} has a ${text}`),
  ]
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
  return [...sources].flatMap(([path, text]) => {
    const searched = part === 'text' ? text : parse(text)[part]
    return [...searched.matchAll(pattern)].map(({ index, 0: found, ...groups }) => ({
      at: `${path}:${lineAt(text, index)}`,
      text: found,
      groups: [groups[1] ?? '', groups[2] ?? ''],
    }))
  })
}

function edges(sources: Sources) {
  return every(sources)
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ from, specifier, ...rest }) => ({ from, to: posix.join(posix.dirname(from), specifier), ...rest }))
}

function outside(sources: Sources) {
  return every(sources).filter(({ specifier }) => !specifier.startsWith('.'))
}

function every(sources: Sources) {
  return [...sources].flatMap(([from, text]) => parse(text).imports.map((found) => ({ from, ...found })))
}
