import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../../scripts/packages.ts'

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** The demo as a process of its own, as `npm start` runs it. */
export class Demo {
  readonly #child: ChildProcess
  readonly #ended: Promise<Ended>
  #stdout = ''
  #stderr = ''

  /** The folder `.strongroom` and relative paths are below `cwd`; temporary files are below `TMPDIR`, if `extra` has it. */
  constructor(cwd: string, args: readonly string[], extra: Readonly<Record<string, string>> = {}) {
    const { NODE_ENV: _, PORT: __, ...env } = process.env
    this.#child = spawn(process.execPath, [join(root, 'demo/main.ts'), ...args], { cwd, env: { ...env, ...extra } })
    this.#child.stdout?.on('data', (text) => (this.#stdout += text))
    this.#child.stderr?.on('data', (text) => (this.#stderr += text))
    this.#ended = once(this.#child, 'close').then(([code, signal]) => ({
      code,
      signal,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }))
  }

  /** Resolves to the address when it is printed. Rejects when the process ends without printing one. */
  async address(): Promise<string> {
    for (;;) {
      const [, address] = /^Strongroom demo: (http:\/\/localhost:\d+)\n/m.exec(this.#stdout) ?? []
      if (address) return address
      const next = once(this.#child.stdout as NonNullable<ChildProcess['stdout']>, 'data')
      const ended = await Promise.race([next.then(() => null), this.#ended])
      if (ended) throw new Error(`The demo ended with exit code ${ended.code}.\n${ended.stderr}`)
    }
  }

  get pid(): number {
    return this.#child.pid as number
  }

  get ended(): Promise<Ended> {
    return this.#ended
  }

  stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Ended> {
    this.#child.kill(signal)
    return this.#ended
  }
}

/** A temporary folder that is deleted after the test. */
export function folder(t: { after(done: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'strongroom-demo-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Starts the demo on a free port. It is stopped after the test. */
export async function running(
  t: { after(done: () => unknown): void },
  args: readonly string[] = [],
  cwd: string = folder(t),
  extra: Readonly<Record<string, string>> = {},
): Promise<{ demo: Demo; url: string }> {
  const demo = new Demo(cwd, ['--port', '0', ...args], extra)
  t.after(() => demo.stop('SIGKILL'))
  return { demo, url: await demo.address() }
}
