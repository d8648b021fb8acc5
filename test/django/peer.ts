import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { asUser } from '../servers/daemon.ts'
import { need } from '../support/need.ts'

export const djangoNeed = need('django')

export const SECRET = 'test-secret-key-do-not-use'
/** The reason to skip a test when `writesLegacy` returns false. */
export const NO_LEGACY = 'Django 4.0 and later no longer write the formats of Django before 3.1'
export const OLD_SECRET = 'old-secret-key-do-not-use'
export const NOW = 1_700_000_000_000

/** Debian's Python has Debian's Django, 3.2. Set the variable to test with the Django of another Python. */
export const PYTHON = process.env.STRONGROOM_PYTHON ?? '/usr/bin/python3'

/** A real Django in a process of its own. It runs the operations of peer.py by name. */
export class Django {
  readonly #child: ChildProcess
  readonly #lines: Interface
  readonly #waiting: { resolve(line: string): void; reject(error: Error): void }[] = []
  #errors = ''

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
    this.#lines.on('line', (line) => this.#waiting.shift()?.resolve(line))
    child.stderr?.on('data', (data) => {
      this.#errors += data
    })
    child.on('exit', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`Django ended: ${this.#errors}`))
    })
  }

  /** `settings` are Django's, in addition to SECRET_KEY and a few that peer.py sets. */
  static async start(settings: Record<string, unknown> = {}): Promise<Django> {
    const [command, ...args] = asUser(undefined, PYTHON, ['-B', join(import.meta.dirname, 'peer.py')])
    const child = spawn(command as string, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    child.stdin?.write(`${JSON.stringify({ SECRET_KEY: SECRET, ...settings })}\n`)
    const django = new Django(child)
    await django.ask('version')
    return django
  }

  /** Rejects with Django's error. Its `name` is that of the Python class. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what its operation returns
  async ask(name: string, args: readonly unknown[] = [], options: Record<string, unknown> = {}): Promise<any> {
    const line = await new Promise<string>((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#child.stdin?.write(`${JSON.stringify([name, args, options])}\n`)
    })
    const { value, error, message } = JSON.parse(line)
    if (error) throw Object.assign(new Error(message), { name: error })
    return value
  }

  /** Whether this Django can still write the formats of Django before 3.1. */
  async writesLegacy(): Promise<boolean> {
    return (await this.ask('version')).startsWith('3.')
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end()
    if (this.#child.exitCode === null) await once(this.#child, 'exit')
  }
}
