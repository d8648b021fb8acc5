import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { locate } from '../../../locate.ts'
import { NotRun } from '../../attack.ts'
import { Deferred } from '../../deferred.ts'
import { linesOf } from '../../protocol.ts'
import { asUser } from '../../servers/daemon.ts'

/** Modules of Python beside Django, with the packages that have them: of PyPI, and of Debian. */
const PACKAGES: Readonly<Record<string, readonly [string, string]>> = {
  psycopg2: ['psycopg2-binary', 'python3-psycopg2'],
  redis: ['redis', 'python3-redis'],
  django_redis: ['django-redis', 'python3-django-redis'],
}

export interface Python {
  readonly command: string
  /** Of Django: "5.2.17". */
  readonly version: string
}

/** The first Python that has Django: of the active virtual environment, of PATH, of the system. */
export function findDjango(candidates = pythons()): Python {
  for (const command of candidates) {
    const { status, stdout } = spawnSync(command, ['-c', 'import django; print(django.get_version())'], {
      encoding: 'utf8',
    })
    if (status === 0) return { command, version: stdout.trim() }
  }
  throw new NotRun('Django is not installed: pip install django (or: apt-get install python3-django)')
}

function pythons(): string[] {
  const { STRONGROOM_PYTHON, VIRTUAL_ENV } = process.env
  const active = VIRTUAL_ENV && join(VIRTUAL_ENV, 'bin', 'python')
  return [STRONGROOM_PYTHON, active, locate('python3'), '/usr/bin/python3'].filter((path) => !!path) as string[]
}

export function needModules({ command }: Python, modules: readonly string[]): void {
  const missing = modules.filter((name) => spawnSync(command, ['-c', `import ${name}`]).status !== 0)
  if (missing.length === 0) return
  const names = (which: 0 | 1) => missing.map((name) => PACKAGES[name]?.[which] ?? name).join(' ')
  throw new NotRun(`pip install ${names(0)} (or: apt-get install ${names(1)})`)
}

/** A program in Python that replies to each line of JSON with one. It ends with this process. */
export class PythonProcess {
  readonly #child: ChildProcess
  readonly #replies = new Map<number, Deferred<unknown>>()
  #asked = 0

  constructor({ command }: Python, args: readonly string[]) {
    const [first, ...rest] = asUser(undefined, command, ['-B', ...args])
    this.#child = spawn(first as string, rest, { stdio: ['pipe', 'pipe', 'pipe'] })
    let errors = ''
    this.#child.stderr?.on('data', (chunk) => {
      errors = `${errors}${chunk}`.slice(-2000)
    })
    const take = linesOf<{ id: number; value?: unknown; error?: string }>(({ id, value, error }) => {
      const reply = this.#replies.get(id)
      this.#replies.delete(id)
      if (error === undefined) reply?.resolve(value)
      else reply?.reject(new Error(error))
    })
    const output = this.#child.stdout as Readable
    output.on('data', take)
    this.#child.stdin?.on('error', () => undefined)
    this.#child.on('exit', () => {
      for (const reply of this.#replies.values()) reply.reject(new Error(`Python ended: ${errors.trim()}`))
    })
  }

  ask(what: string, values: readonly unknown[] = []): Promise<unknown> {
    const id = ++this.#asked
    const reply = new Deferred<unknown>()
    this.#replies.set(id, reply)
    const input = this.#child.stdin as Writable
    input.write(`${JSON.stringify({ id, ask: what, values })}\n`)
    return reply.promise
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}
