import { edges, inStrongroom, outside, type Sources } from './edges.ts'
import { parseAll } from './source.ts'

interface Room {
  readonly name: string
  readonly files: RegExp
  /** Rooms that may be imported; the room itself always may. */
  readonly imports: readonly string[]
  /** Rooms of which only types may be imported. */
  readonly types?: readonly string[]
  /** The only file of the room that other rooms may import. Without it, they may import all of them. */
  readonly door?: RegExp
  /** For a room that stands apart: each file that imports from packages other than Node's, with their names. */
  readonly packages?: Readonly<Record<string, readonly string[]>>
}

const TOKEN = ['token']
const LOW = ['base', 'errors']
const MIDDLE = [...LOW, 'store', 'events', 'token', 'crypto', 'session', 'http', 'credential']

/** Who may import whom. The first room that fits a file counts. */
const ROOMS: readonly Room[] = [
  { name: 'errors', files: inStrongroom('errors\\.ts$'), imports: [] },
  { name: 'base', files: inStrongroom('base/'), imports: ['errors'] },
  { name: 'events', files: inStrongroom('events\\.ts$'), imports: LOW },
  { name: 'store', files: inStrongroom('store\\.ts$'), imports: LOW, types: TOKEN },
  { name: 'token', files: inStrongroom('crypto/token\\.ts$'), imports: [...LOW, 'crypto'] },
  { name: 'crypto', files: inStrongroom('crypto/'), imports: [...LOW, 'token'] },
  { name: 'session', files: inStrongroom('session/'), imports: LOW, types: ['store', 'token'] },
  {
    name: 'credential',
    files: inStrongroom('credential\\.ts$'),
    imports: [...LOW, 'crypto'],
    types: ['session', 'token'],
  },
  { name: 'http', files: inStrongroom('http/'), imports: [...LOW, 'crypto'], types: ['store'] },
  { name: 'engines', files: inStrongroom('engines/'), imports: [...LOW, 'store'], types: TOKEN },
  { name: 'backing', files: inStrongroom('backing/'), imports: MIDDLE },
  // What one request needs, as types: it is made in create.ts.
  { name: 'context', files: inStrongroom('context\\.ts$'), imports: [], types: [...MIDDLE, 'backing'] },
  { name: 'request', files: inStrongroom('request/'), imports: [...MIDDLE, 'backing', 'context'] },
  // A policy in words, and what standards ask for.
  { name: 'policy', files: inStrongroom('policy/'), imports: [...MIDDLE, 'backing', 'context'] },
  { name: 'adoption', files: inStrongroom('adoption/'), imports: [...MIDDLE, 'backing', 'context', 'request'] },
  { name: 'admin', files: inStrongroom('admin/'), imports: [...MIDDLE, 'backing', 'context', 'request'] },
  {
    name: 'adapters',
    files: inStrongroom('adapters/'),
    imports: [...LOW, 'http'],
    types: ['sessions', 'session', 'request'],
  },
  // Asks for the limit, and takes back a login that failed, which the session of an application cannot.
  {
    name: 'passport',
    files: inStrongroom('passport/'),
    imports: [...LOW, 'session', 'adapters'],
    types: ['sessions'],
  },
  // Its packages are installed by those who use it alone.
  {
    name: 'device-bound',
    files: inStrongroom('device-bound/'),
    imports: [...MIDDLE, 'backing', 'context', 'request'],
  },
  {
    name: 'figures',
    files: inStrongroom('figures/'),
    imports: [...LOW, 'store', 'backing'],
    types: ['events', 'sessions'],
  },
  {
    name: 'opentelemetry',
    files: inStrongroom('opentelemetry/'),
    imports: [...LOW, 'backing', 'engines'],
    types: ['store', 'events', 'sessions'],
  },
  // Makes sessions of its own, and is an adapter at the same time.
  {
    name: 'express-session',
    files: inStrongroom('express-session/'),
    imports: [...MIDDLE, 'backing', 'context', 'request', 'adoption', 'admin', 'engines', 'sessions', 'adapters'],
  },
  { name: 'testing', files: inStrongroom('testing/'), imports: ['*'] },
  // For our own packages; it opens every room.
  { name: 'internal', files: inStrongroom('internal\\.ts$'), imports: ['*'] },
  { name: 'index', files: inStrongroom('(?:index|worker|stores)\\.ts$'), imports: ['*'] },
  {
    name: 'sessions',
    files: inStrongroom('(?:sessions|create|options|other-options|strangers|development|assemble|parts|servers)\\.ts$'),
    imports: [...MIDDLE, 'backing', 'context', 'request', 'policy', 'adoption', 'admin', 'engines'],
  },
  {
    name: 'scan',
    files: /^packages\/cli\/src\/scan\//,
    imports: [],
    door: /\/scan\/scan\.ts$/,
    // By which a record and a sealed cookie are recognized.
    packages: {
      'packages/cli/src/scan/kind.ts': ['strongroom/internal'],
      'packages/cli/src/scan/tar.ts': ['modern-tar'],
    },
  },
  // Pure: what it knows of the lab and of the engines is handed in, or is a table that a test compares.
  { name: 'advise', files: /^packages\/cli\/src\/(?:advise\/|config-source\.ts$)/, imports: ['report'] },
  { name: 'report', files: /^packages\/cli\/src\/lab\/report\.ts$/, imports: [] },
  { name: 'cli', files: /^packages\/cli\/src\//, imports: ['scan', 'advise', 'report'] },
  { name: 'django', files: /^packages\/django\/src\//, imports: [] },
  // The pages for users and those for operators know nothing of each other.
  { name: 'studio-devices', files: /^packages\/studio\/src\/devices\//, imports: ['studio-base'] },
  {
    name: 'studio-base',
    files: /^packages\/studio\/src\/(?:assets|forms|headers|html|moments|mount|sessions)\.ts$/,
    imports: [],
  },
  { name: 'studio-pages', files: /^packages\/studio\/src\/pages\//, imports: ['studio-base', 'studio-parts'] },
  {
    name: 'studio-parts',
    files: /^packages\/studio\/src\/(?:board|charts|events|frame|guard|job|link|panels|searches)\.ts$/,
    imports: ['studio-base'],
  },
  {
    name: 'studio',
    files: /^packages\/studio\/src\//,
    imports: ['studio-base', 'studio-parts', 'studio-pages', 'studio-devices'],
  },
]

const roomOf = (file: string) => ROOMS.find(({ files }) => files.test(file))

export function importsThroughWalls(sources: Sources): string[] {
  const throughWalls = edges(sources).flatMap(({ from, to, typeOnly, line }) => {
    const [room, other] = [roomOf(from), roomOf(to)]
    if (!room) return []
    if (other?.door && room !== other && !other.door.test(to))
      return [`${from}:${line} must import ${other.name} through its door, not ${to}`]
    if (room === other || (other && (room.imports.includes(other.name) || room.imports.includes('*')))) return []
    const mayTakeTypes = other !== undefined && room.types?.includes(other.name)
    if (typeOnly && mayTakeTypes) return []
    const rule = mayTakeTypes ? 'may import only types of' : 'must not import'
    return [`${from}:${line} ${rule} ${to}`]
  })
  const fromPackages = outside(sources).flatMap(({ from, specifier, line }) => {
    const allowed = roomOf(from)?.packages
    if (!allowed || specifier.startsWith('node:') || allowed[from]?.includes(specifier)) return []
    return [`${from}:${line} must not import ${specifier}`]
  })
  return [...throughWalls, ...fromPackages]
}

/** A file that no rule of this list is about would be free to import anything. */
export function filesInNoRoom(files: Iterable<string>): string[] {
  return [...files].flatMap((file) => {
    if (!/(?<!\.d)\.ts$/.test(file)) return [`${file} is not a .ts file, so no rule reads it`]
    return roomOf(file) ? [] : [`${file} is in no room of ROOMS (test/support/walls.ts)`]
  })
}

/** Modules that run other code than what was imported. */
const LOADING: ReadonlySet<string> = new Set(
  ['module', 'vm', 'worker_threads', 'cluster', 'child_process', 'repl', 'inspector'].map((name) => `node:${name}`),
)

/** Where code is loaded that the other rules cannot see, and what for. */
const MAY_LOAD: Readonly<Record<string, readonly string[]>> = {
  // libsodium, where the application has installed it. No bundler must follow that import.
  'packages/strongroom/src/crypto/provider.ts': ['node:module', 'require', 'import.meta'],
  // The config of the application, and its drivers.
  'packages/cli/src/config.ts': ['import() without a constant'],
  'packages/cli/src/drivers.ts': ['node:module', 'import.meta'],
  // The compiler of the application, which says what its tsconfig.json means.
  'packages/cli/src/init/import-line.ts': ['node:module', 'node:child_process'],
  // Its files beside the sources, and those of the chart library.
  'packages/studio/src/assets.ts': ['import.meta'],
  // Its own package.json.
  'packages/cli/src/program.ts': ['import.meta'],
  // Backups: the thread that copies a SQLite database, and the programs that dump the others.
  'packages/cli/src/backup/sqlite.ts': ['node:worker_threads', 'Worker'],
  'packages/cli/src/backup/sqlite-worker.ts': ['node:worker_threads', 'import.meta'],
  'packages/cli/src/backup/run.ts': ['node:child_process'],
  'packages/cli/src/backup/mysql.ts': ['node:child_process'],
  // git, which says what is committed.
  'packages/cli/src/doctor/repository.ts': ['node:child_process'],
  // The lab: the servers that it starts, the applications, and our own one, which runs as a process.
  'packages/cli/src/lab/servers/daemon.ts': ['node:child_process'],
  'packages/cli/src/lab/process.ts': ['node:child_process'],
  'packages/cli/src/lab/leftovers.ts': ['node:child_process'],
  'packages/cli/src/lab/application.ts': ['import.meta'],
  // The recorded run, which is beside what is compiled.
  'packages/cli/src/lab/index.ts': ['import.meta'],
  // The other libraries that the lab attacks: those of the user's project, in a process of their own, and Django.
  'packages/cli/src/lab/peers/application.ts': ['import.meta'],
  'packages/cli/src/lab/peers/packages.ts': ['node:module'],
  // It keeps what was compiled, and loads nothing.
  'packages/cli/src/lab/serve.ts': ['node:module'],
  'packages/cli/src/lab/peers/django/python.ts': ['node:child_process'],
  // pg_restore.
  'packages/cli/src/scan/archive.ts': ['node:child_process'],
}

/** What the walls cannot see: a module that is named by a value, a string that is run, a thread, a program. */
export function unseenImports(sources: Sources, allowed = MAY_LOAD): string[] {
  return [...parseAll(sources)].flatMap(([path, { imports, loaders }]) => {
    const modules = imports.filter(({ specifier, typeOnly }) => LOADING.has(specifier) && !typeOnly)
    const found = [...loaders, ...modules.map(({ specifier, line }) => ({ what: specifier, line }))]
    const here = allowed[path] ?? []
    const unused = here.filter((what) => !found.some((each) => each.what === what))
    return [
      ...found
        .filter(({ what }) => !here.includes(what))
        .map(({ what, line }) => `${path}:${line} loads code by ${what}, past the rules about imports`),
      ...unused.map((what) => `${path} is in MAY_LOAD (test/support/walls.ts) for ${what}, and does not use it`),
    ]
  })
}
