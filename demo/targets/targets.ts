import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { find, installLine, programs } from '../../scripts/programs.mjs'
import { SERVER_KINDS, type ServerKind } from '../servers/kinds.ts'
import { type RunningServer, startServer } from '../servers/server.ts'
import { blockedFolder, databaseFiles, filesIn, movedDatabase } from './files.ts'
import { cookieSessionTarget, EXPRESS_SESSIONS, expressSessionTarget } from './peers.ts'
import { type EngineChoice, type Surroundings, strongroomTarget } from './strongroom.ts'
import type { Target } from './target.ts'

/** A server that does not run (yet), and what would change that. */
export interface Absent {
  readonly name: string
  readonly title: string
  /** `installed`: a button starts it. */
  readonly state: 'installed' | 'starting' | 'missing' | 'failed'
  /** The line that installs it, or why it did not start. */
  readonly why: string
}

export interface TargetsOptions extends Surroundings {
  /** Where files and databases are kept. */
  readonly folder: string
  /** A store of the visitor's own, as a URL. */
  readonly ownStore: string | null
}

const NOTHING_TO_STOP = 'The server stores nothing, so there is nothing to stop.'
const PROCESS = 'The store is the memory of the application: it stops when the application does.'

/** Every engine that runs here, and the libraries that they are compared with. */
export class Targets {
  readonly #options: TargetsOptions
  readonly #running: Target[]
  readonly #servers = new Map<string, RunningServer>()
  readonly #starting = new Map<string, Promise<void>>()
  readonly #failed = new Map<string, string>()
  #isClosed = false

  private constructor(options: TargetsOptions, running: Target[]) {
    this.#options = options
    this.#running = running
  }

  /** Rejects as `strongroomTarget` does. */
  static async open(options: TargetsOptions): Promise<Targets> {
    const { folder, ownStore, key } = options
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const choices = [...embedded(folder), ...(ownStore === null ? [] : [own(ownStore)])]
    const opened = await Promise.allSettled([
      ...choices.map((choice) => strongroomTarget(choice, options)),
      ...EXPRESS_SESSIONS.map((variant) => expressSessionTarget(key, join(folder, variant.name), variant)),
      cookieSessionTarget(key),
    ])
    const running = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    const failure = opened.find((each) => each.status === 'rejected')
    if (!failure) return new Targets(options, running)
    await Promise.all(running.map((target) => target.close()))
    throw failure.reason
  }

  /** Ours first, servers in the order of their list, and then what they are compared with. */
  get running(): readonly Target[] {
    const place = ({ name, family }: Target) =>
      family === 'peer' ? SERVER_KINDS.length : SERVER_KINDS.findIndex((kind) => kind.name === name)
    return this.#running.toSorted((a, b) => place(a) - place(b))
  }

  get absent(): readonly Absent[] {
    return SERVER_KINDS.filter(({ name }) => !this.#servers.has(name)).map((kind) => this.#absence(kind))
  }

  #absence({ name, title, program }: ServerKind): Absent {
    const failed = this.#failed.get(name)
    if (this.#starting.has(name)) return { name, title, state: 'starting', why: '' }
    if (find(program) === null) return { name, title, state: 'missing', why: lineFor(program) }
    return failed === undefined
      ? { name, title, state: 'installed', why: '' }
      : { name, title, state: 'failed', why: failed }
  }

  /** Starts a server that is installed; all of them without a name. Resolves when they run, or have failed to. */
  async start(name?: string): Promise<void> {
    const wanted = this.absent.filter((one) => name === undefined || one.name === name)
    await Promise.all(
      SERVER_KINDS.filter((kind) => wanted.some((one) => one.name === kind.name && one.state !== 'missing')).map(
        (kind) => {
          // A second request waits for the same start.
          const starting = this.#starting.get(kind.name) ?? this.#start(kind)
          this.#starting.set(kind.name, starting)
          return starting
        },
      ),
    )
  }

  async #start(kind: ServerKind): Promise<void> {
    const { name, title, place, files } = kind
    try {
      this.#failed.delete(name)
      const server = await startServer(kind)
      if (this.#isClosed) return await server.stop()
      const choice: EngineChoice = {
        ...{ name, title, place, store: server.url, outage: server.outage },
        files: files && (() => files(server.dir)),
      }
      const target = await strongroomTarget(choice, this.#options).catch(async (error) => {
        await server.stop()
        throw error
      })
      this.#servers.set(name, server)
      this.#running.push(target)
    } catch (error) {
      this.#failed.set(name, (error as Error).message)
    } finally {
      this.#starting.delete(name)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled(this.#starting.values())
    await Promise.allSettled(this.#running.map((target) => target.close()))
    await Promise.allSettled([...this.#servers.values()].map((server) => server.stop()))
  }
}

const lineFor = (program: string): string =>
  installLine(programs.filter((each) => each.program === program).map((each) => each.package))

function embedded(folder: string): EngineChoice[] {
  const at = (name: string) => join(folder, name)
  const url = (scheme: string, name: string) => `${scheme}:${encodeURI(at(name))}`
  return [
    { name: 'memory', title: 'Memory', store: 'memory:', place: 'in this process', files: null, outage: PROCESS },
    {
      ...{ name: 'file', title: 'Files', store: url('file', 'files'), place: 'in files' },
      files: () => filesIn(at('files')),
      outage: blockedFolder(at('files')),
    },
    {
      ...{ name: 'sqlite', title: 'SQLite', store: url('sqlite', 'sessions.db'), place: 'in a database file' },
      files: () => databaseFiles(at('sessions.db')),
      outage: movedDatabase(at('sessions.db')),
    },
    {
      ...{ name: 'signed-cookie', title: 'Signed cookie', store: 'cookie:?protection=signed', place: 'in the browser' },
      files: async () => [],
      outage: NOTHING_TO_STOP,
    },
    {
      ...{ name: 'sealed-cookie', title: 'Sealed cookie', store: 'cookie:', place: 'in the browser' },
      files: async () => [],
      outage: NOTHING_TO_STOP,
    },
    {
      ...{ name: 'revocable-cookie', title: 'Sealed cookie, revocable', place: 'in the browser; ends in a database' },
      store: `cookie:?revocations=${encodeURIComponent(url('sqlite', 'revocations.db'))}`,
      files: () => databaseFiles(at('revocations.db')),
      outage: movedDatabase(at('revocations.db')),
    },
  ]
}

/** A server of the visitor's is never stopped, and its files are where only its operator can read them. */
const own = (store: string): EngineChoice => ({
  ...{ name: 'own', title: 'Your store', store, place: 'where your store keeps them', files: null },
  outage: 'The demo stops no server that it has not started.',
})
