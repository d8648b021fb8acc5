import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { within } from 'strongroom/internal'
import { NotRun } from './attack.ts'
import { Deferred } from './deferred.ts'
import { newFolder, removeFolder } from './folder.ts'
import { type Abilities, linesOf, type Question, type StartConfig, type ToApplication, type ToLab } from './protocol.ts'
import { freePort } from './servers/daemon.ts'

/** How an application is started: a module of ours, or another program that speaks `protocol.ts`. */
export interface Program {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** The program for a module that calls `serve`. */
export const nodeProgram = (module: URL): Program => ({
  command: process.execPath,
  args: ['--disable-warning=ExperimentalWarning', module.pathname],
})

let compiled: string | null = null

/**
 * The same modules are started dozens of times in a run, and compiling them takes longer than all the rest of a start. The folder is
 * private, because anyone who can write to it decides what the applications do.
 */
function compileCache(): { readonly NODE_COMPILE_CACHE: string } {
  compiled ??= newFolder('compiled')
  return { NODE_COMPILE_CACHE: compiled }
}

/** In ms: longer than any application needs to start on a busy machine, and to answer. */
const LIMIT = 60_000

/** An application in a process of its own, which ends with this one. */
export class ApplicationProcess {
  readonly url: string
  readonly #program: Program
  readonly #config: StartConfig
  #child: ChildProcess | null = null
  #channel: Duplex | null = null
  #errors = ''
  #abilities: Abilities = []
  #version: string | null = null
  readonly #answers = new Map<number, Deferred<number | null>>()
  readonly #waiting = new Map<string, Deferred<void>>()
  #asked = 0

  private constructor(program: Program, config: StartConfig) {
    this.#program = program
    this.#config = config
    this.url = `http://127.0.0.1:${config.port}`
  }

  /** Rejects with `NotRun` where it cannot run, such as without a package. `config.port` 0 takes a free one. */
  static async start(program: Program, config: StartConfig): Promise<ApplicationProcess> {
    for (let attempt = 1; ; attempt++) {
      const port = config.port || (await freePort())
      const application = new ApplicationProcess(program, { ...config, port })
      try {
        await application.start()
        return application
      } catch (error) {
        await application.kill()
        // Another process may have taken the port between the check and the start.
        if (attempt === 3 || !/EADDRINUSE/.test((error as Error).message)) throw error
      }
    }
  }

  get version(): string | null {
    return this.#version
  }

  can(what: Question): boolean {
    return this.#abilities.includes(what)
  }

  /** Also after `kill`: on the same port. */
  async start(): Promise<void> {
    const { command, args, cwd, env } = this.#program
    const child = spawn(command, args, {
      cwd: cwd ?? process.cwd(),
      env: { ...compileCache(), ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    this.#errors = ''
    child.stderr?.on('data', (chunk) => {
      this.#errors = `${this.#errors}${chunk}`.slice(-4000)
    })
    const channel = child.stdio[3] as Duplex
    this.#channel = channel
    const ready = new Deferred<void>()
    channel.on('error', () => undefined)
    channel.on(
      'data',
      linesOf<ToLab>((message) => this.#take(message, ready)),
    )
    child.on('error', (error) => ready.reject(error))
    child.on('exit', () => {
      const error = new Error(`The application ended: ${this.#errors.trim().split('\n').slice(-8).join('\n')}`)
      ready.reject(error)
      this.#fail(error)
    })
    this.#say({ do: 'start', config: this.#config })
    await within(
      LIMIT,
      () => ready.promise,
      () => new Error('The application did not start in time.'),
    )
  }

  #take(message: ToLab, ready: Deferred<void>): void {
    if (message.is === 'ready') {
      this.#abilities = message.abilities
      this.#version = message.version
      ready.resolve()
    }
    if (message.is === 'notRun') ready.reject(new NotRun(message.message))
    if (message.is === 'failed') ready.reject(new Error(message.message))
    if (message.is === 'waiting') this.#gate(message.gate).resolve()
    if (message.is === 'answer') this.#answers.get(message.id)?.resolve(message.value)
    if (message.is === 'error') this.#answers.get(message.id)?.reject(new Error(message.message))
    if ('id' in message) this.#answers.delete(message.id)
  }

  #fail(error: Error): void {
    for (const { reject } of this.#answers.values()) reject(error)
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#answers.clear()
    this.#waiting.clear()
  }

  #say(message: ToApplication): void {
    this.#channel?.write(`${JSON.stringify(message)}\n`)
  }

  #gate(gate: string): Deferred<void> {
    let found = this.#waiting.get(gate)
    if (!found) {
      found = new Deferred<void>()
      this.#waiting.set(gate, found)
    }
    return found
  }

  async waiting(gate: string): Promise<void> {
    const waits = this.#gate(gate).promise
    await within(
      LIMIT,
      () => waits,
      () => new Error('No handler came to its gate.'),
    )
  }

  async open(gate: string): Promise<void> {
    this.#waiting.delete(gate)
    this.#say({ do: 'open', gate })
  }

  async ask(what: Question, value?: number | string): Promise<number | null> {
    const id = ++this.#asked
    const answer = new Deferred<number | null>()
    this.#answers.set(id, answer)
    this.#say({ do: 'ask', id, what, ...(value !== undefined && { value }) })
    return within(
      LIMIT,
      () => answer.promise,
      () => new Error(`The application did not answer: ${what}.`),
    )
  }

  /** The bytes of its heap, after a garbage collection. */
  async memory(): Promise<Uint8Array> {
    const folder = newFolder('heap')
    try {
      const file = join(folder, 'heap.heapsnapshot')
      await this.ask('memory', file)
      return readFileSync(file)
    } finally {
      removeFolder(folder)
    }
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (!child || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    this.#channel?.destroy()
  }
}
