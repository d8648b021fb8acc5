import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { within } from 'strongroom/internal'
import { locateOfSystem } from '../../locate.ts'
import { NotRun } from '../attack.ts'
import { newFolder, removeFolder } from '../folder.ts'

/** A private server: on a free port of the loopback address, with its data in a folder of its own, to be killed and paused. */
export interface Server {
  readonly port: number
  /** Where its data and its log are. */
  readonly dir: string
  /** Like a crash: SIGKILL to all its processes. */
  kill(): Promise<void>
  /** Starts it again, with the same data and on the same port; resolves when it is ready. */
  start(): Promise<void>
  /** Makes it hang: connections stay open, and nothing is answered. */
  pause(): void
  resume(): void
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

export interface Program {
  /** For messages and for the name of the folder. */
  readonly name: string
  readonly command: string
  readonly args: (place: { readonly port: number; readonly dir: string }) => readonly string[]
  /** Prepares the data folder, once. */
  readonly prepare?: (dir: string) => void | Promise<void>
  /** Resolves when the server is ready; until then it rejects, or never settles. Called repeatedly. */
  readonly answers: (place: { readonly port: number; readonly dir: string }) => Promise<unknown>
  /** The user to run as when we are root, for a server that refuses to run as root. */
  readonly user?: string
}

/** In ms: longer than any server here needs to start on a busy machine. */
const START_LIMIT = 60_000

/** Starts a program on a free port; resolves when it is ready. */
export async function startDaemon(program: Program): Promise<Server> {
  const dir = newFolder(program.name)
  try {
    if (isRoot && program.user) chownSync(dir, idOf(program.user), idOf(program.user, '-g'))
    await program.prepare?.(dir)
    for (let attempt = 1; ; attempt++) {
      const daemon = new Daemon(program, dir, await freePort())
      try {
        await daemon.start()
        return daemon
      } catch (error) {
        // Another process may have taken the port between the check and the start.
        if (attempt === 3) throw error
      }
    }
  } catch (error) {
    removeFolder(dir)
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
    // Without a shell, so that signals reach the program itself.
    const child = spawn(command as string, args, { cwd: this.dir, stdio: ['ignore', log, log] })
    closeSync(log)
    this.#child = child
    for (const began = performance.now(); ; await wait(20)) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
        throw new Error(`${this.#program.name} exited during its start: ${this.#lastLines()}`)
      try {
        await within(
          1000,
          () => this.#program.answers(this),
          () => new Error('no answer'),
        )
        return
      } catch (error) {
        if (performance.now() - began < START_LIMIT) continue
        await this.kill()
        throw new Error(`${this.#program.name} did not start: ${this.#lastLines()}`, { cause: error })
      }
    }
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    // Stopped first: a child that it starts after the others were collected would survive, and hold its data.
    signal(child.pid as number, 'SIGSTOP')
    // Collected before the end, because the children of a dead process get another parent.
    const all = family(child.pid as number)
    for (const pid of all) signal(pid, 'SIGKILL')
    await ended
    // The next start would fail while one of them still holds the port, or a lock on the data.
    while (all.some(isAlive)) await wait(2)
  }

  pause(): void {
    const all = family(this.#child?.pid as number)
    for (const pid of all) signal(pid, 'SIGSTOP')
    // Thread by thread, because a thread that is not stopped yet could still answer.
    while (!all.every(isStopped));
  }

  resume(): void {
    for (const pid of family(this.#child?.pid as number)) signal(pid, 'SIGCONT')
  }

  async stop(): Promise<void> {
    await this.kill()
    removeFolder(this.dir)
  }

  #lastLines(): string {
    return readFileSync(join(this.dir, 'log'), 'utf8').trim().split('\n').slice(-8).join('\n')
  }
}

/** Where the programs are from, in the words of Debian and Ubuntu. */
const PACKAGES: Readonly<Record<string, string>> = {
  postgres: 'postgresql',
  mariadbd: 'mariadb-server',
  'redis-server': 'redis-server',
  'valkey-server': 'valkey-server',
  memcached: 'memcached',
}

/** The full path of a server's program. Throws `NotRun` with the line that installs it. */
export function programPath(program: string): string {
  const found = locateOfSystem(program)
  if (found) return found
  throw new NotRun(`${program} is not installed: apt-get install ${PACKAGES[program] ?? program}`)
}

export const isRoot = process.getuid?.() === 0

/**
 * The command for a program that ends when this process ends, in whatever way: a run that is killed leaves no server behind.
 * (`setpriv` is part of util-linux. Elsewhere, the servers of a run that was killed have to be ended by hand.)
 */
export function asUser(user: string | undefined, command: string, args: readonly string[]): string[] {
  const setpriv = locateOfSystem('setpriv')
  if (!setpriv) return [command, ...args]
  const change = isRoot && user ? [`--reuid=${user}`, `--regid=${user}`, '--init-groups'] : []
  return [setpriv, '--pdeathsig', 'KILL', ...change, '--', command, ...args]
}

/** Runs a program until it exits, and returns its output; throws the output when it fails. */
export function runOnce(command: string, args: readonly string[], user?: string): string {
  const [first, ...rest] = asUser(user, command, args)
  const { status, stdout, stderr, error } = spawnSync(first as string, rest, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? ''}${stdout}${stderr}`)
  return stdout
}

const execute = promisify(execFile)

/** As `runOnce`, while other work goes on. */
export async function runAside(command: string, args: readonly string[], user?: string): Promise<void> {
  const [first, ...rest] = asUser(user, command, args)
  try {
    await execute(first as string, rest, { maxBuffer: 2 ** 26 })
  } catch (error) {
    const {
      stdout = '',
      stderr = '',
      message,
    } = error as Error & { readonly stdout?: string; readonly stderr?: string }
    throw new Error(`${command} failed: ${stdout}${stderr}` || message, { cause: error })
  }
}

const idOf = (user: string, kind = '-u') => Number(runOnce('id', [kind, user]))

/**
 * A port that nobody listens on, below the ephemeral ports (RFC 6335 §6, and from 32768 on Linux): neither a client's end of a
 * connection nor another `listen(0)` takes it while its server is down.
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

/** A process and its descendants, itself first: the workers of a server may be in sessions of their own. */
function family(pid: number): number[] {
  const parents = existsSync('/proc/self/stat')
    ? readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [[Number(name), parentOf(name)]] : []))
    : allByPs()
  const found = [pid]
  for (const one of found) for (const [child, parent] of parents) if (parent === one) found.push(child as number)
  return found
}

/** Where there is no /proc. */
const allByPs = () =>
  runOnce('ps', ['-A', '-o', 'pid=,ppid='])
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))

const statOf = (pid: number | string) => {
  try {
    // "pid (name) state parent …", and a name may contain anything, including parentheses.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  } catch {
    return []
  }
}
const stateOf = (pid: number | string) => statOf(pid)[0] ?? ''
const parentOf = (pid: string) => Number(statOf(pid)[1])
/** A zombie holds no port and no lock. */
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
