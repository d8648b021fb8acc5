import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { find } from '../../scripts/programs.mjs'

/** A private server of the tests: on a free port, with its data in a folder of its own, and at the mercy of its test. */
export interface Server {
  readonly port: number
  /** Where its data and its log are. */
  readonly dir: string
  /** As a crash ends it: SIGKILL to all its processes at once. */
  kill(): Promise<void>
  /** Starts it again, on the same data and the same port; resolves when it answers. */
  start(): Promise<void>
  /** It hangs: connections stay open, and nothing answers. */
  pause(): void
  resume(): void
  /** Ends it for good and removes all that it left. */
  stop(): Promise<void>
}

export interface Program {
  /** Plain name, for messages and for the folder. */
  readonly name: string
  readonly command: string
  readonly args: (place: { readonly port: number; readonly dir: string }) => readonly string[]
  /** Prepares the data folder, once. Synchronous: nothing else is going on. */
  readonly prepare?: (dir: string) => void
  /** Resolves when the server answers, rejects or never resolves before. Asked again and again. */
  readonly answers: (place: { readonly port: number; readonly dir: string }) => Promise<unknown>
  /** Runs as this user when we are root, for a server that refuses to. */
  readonly user?: string
}

/** Longer than any server here takes on a busy machine. */
const PATIENCE = 60_000

/** Starts a program on a free port and answers when it can be used. */
export async function startDaemon(program: Program): Promise<Server> {
  const dir = mkdtempSync(join(tmpdir(), `strongroom-${program.name}-`))
  try {
    if (isRoot && program.user) chownSync(dir, idOf(program.user), idOf(program.user, '-g'))
    program.prepare?.(dir)
    for (let attempt = 1; ; attempt++) {
      const daemon = new Daemon(program, dir, await freePort())
      try {
        await daemon.start()
        return daemon
      } catch (error) {
        // Another test may have taken the port between the look and the start.
        if (attempt === 3) throw error
      }
    }
  } catch (error) {
    rmSync(dir, { recursive: true, force: true })
    throw error
  }
}

class Daemon implements Server {
  readonly port: number
  readonly dir: string
  readonly #program: Program
  #child: ChildProcess | null = null

  constructor(program: Program, dir: string, port: number) {
    this.#program = program
    this.dir = dir
    this.port = port
  }

  async start(): Promise<void> {
    const log = openSync(join(this.dir, 'log'), 'a')
    const [command, ...args] = asUser(this.#program.user, this.#program.command, this.#program.args(this))
    // No shell and no group of its own: what happens to it is ours to say.
    const child = spawn(command as string, args, { cwd: this.dir, stdio: ['ignore', log, log] })
    closeSync(log)
    this.#child = child
    for (const began = performance.now(); ; await wait(20)) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
        throw new Error(`${this.#program.name} ended at its start: ${this.#lastWords()}`)
      try {
        await within(1000, this.#program.answers(this))
        return
      } catch (error) {
        if (performance.now() - began < PATIENCE) continue
        await this.kill()
        throw new Error(`${this.#program.name} did not answer: ${this.#lastWords()}`, { cause: error })
      }
    }
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    // Collected first, for the children of a dead process are nobody's.
    const all = family(child.pid as number)
    for (const pid of all) signal(pid, 'SIGKILL')
    await ended
    // A port, or a lock on the data, that is still held would make the next start fail.
    while (all.some(isAlive)) await wait(2)
  }

  pause(): void {
    const all = family(this.#child?.pid as number)
    for (const pid of all) signal(pid, 'SIGSTOP')
    // Thread by thread: one that has not stopped yet would still answer.
    while (!all.every(isStopped));
  }

  resume(): void {
    for (const pid of family(this.#child?.pid as number)) signal(pid, 'SIGCONT')
  }

  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.dir, { recursive: true, force: true })
  }

  #lastWords(): string {
    return readFileSync(join(this.dir, 'log'), 'utf8').trim().split('\n').slice(-8).join('\n')
  }
}

export const isRoot = process.getuid?.() === 0

/**
 * Ends with this process, however that ends: a test that is killed leaves no server behind. (`setpriv` is of util-linux;
 * elsewhere a killed test leaves its server to be ended by hand.)
 */
export function asUser(user: string | undefined, command: string, args: readonly string[]): string[] {
  const setpriv = find('setpriv')
  if (!setpriv) return [command, ...args]
  const change = isRoot && user ? [`--reuid=${user}`, `--regid=${user}`, '--init-groups'] : []
  return [setpriv, '--pdeathsig', 'KILL', ...change, '--', command, ...args]
}

/** Runs a program to its end; throws what it printed when it fails. */
export function runOnce(command: string, args: readonly string[], user?: string): string {
  const [first, ...rest] = asUser(user, command, args)
  const { status, stdout, stderr, error } = spawnSync(first as string, rest, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? ''}${stdout}${stderr}`)
  return stdout
}

const idOf = (user: string, kind = '-u') => Number(runOnce('id', [kind, user]))

/**
 * A port that nobody listens on, below those that systems hand out by themselves (RFC 6335 §6, and Linux from 32768): a server
 * that was killed finds it free again, and neither a client's own end of a connection nor somebody's `listen(0)` has it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000)
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue
      throw error
    }
    server.close()
    await once(server, 'close')
    return port
  }
}

/** A process and all that came from it, it first: a server's workers may be in sessions of their own. */
function family(pid: number): number[] {
  const parents = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [[Number(name), parentOf(name)]] : []))
  const found = [pid]
  for (const one of found) for (const [child, parent] of parents) if (parent === one) found.push(child as number)
  return found
}

const statOf = (pid: number | string) => {
  try {
    // "pid (name) state parent …", and a name may hold anything, brackets too.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  } catch {
    return []
  }
}
const stateOf = (pid: number | string) => statOf(pid)[0] ?? ''
const parentOf = (pid: string) => Number(statOf(pid)[1])
/** A zombie holds nothing any more. */
const isAlive = (pid: number) => !['Z', 'X', ''].includes(stateOf(pid))

const isStopped = (pid: number) => {
  try {
    return readdirSync(`/proc/${pid}/task`).every(
      (thread) => !['R', 'S', 'D'].includes(stateOf(`${pid}/task/${thread}`)),
    )
  } catch {
    return true
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = wait(ms, undefined, { ref: false }).then(() => Promise.reject(new Error('no answer')))
  return Promise.race([work, late])
}
