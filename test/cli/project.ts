import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { entryPoints, packageNamed, root } from '../../scripts/packages.ts'

export const main = join(root, 'packages', 'cli', 'src', 'main.ts')
export const CANARY = 'canary in the data'
export const SECRET = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'
/** What `psql` prints about a database that has only the session table. */
export const FAKE_PSQL = 'echo t 7075626c6963 7374726f6e67726f6f6d5f73657373696f6e73'
export const OLDER = 'q8Zt1mWc6Yp3Rk9Jv4Hn7Bs2Lf5Dg0Xe-Ua_TiOyMwE'

/** A store that takes 300 ms for each batch, like a store with millions of sessions, but small enough for a test. */
export const SLOW = `import { createSessions } from 'strongroom'
import { sqlite } from 'strongroom/sqlite'
const inner = sqlite('./sessions.db')
const pause = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
const clearExpired = (options) => {
  const onProgress = (count) => {
    if (!process.stdout.isTTY) console.log('the config prints', count)
    pause()
    options.onProgress?.(count)
  }
  return inner.clearExpired({ ...options, onProgress })
}
const slow = new Proxy(inner, {
  get: (target, name) => {
    if (name === 'clearExpired') return clearExpired
    const found = target[name]
    return typeof found === 'function' ? found.bind(target) : found
  },
})
export default createSessions({ secrets: process.env.STRONGROOM_SECRETS, store: slow })
`

/** As in a project that has @types/node. */
export const NODE_TYPES = { types: ['node'], typeRoots: [join(root, 'node_modules', '@types')] }

export interface Result {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly env?: Record<string, string>
  readonly flags?: readonly string[]
  readonly cwd?: string
  /** What is on standard input. */
  readonly input?: string
  /** Expects a stack, as with `--debug`. */
  readonly stack?: boolean
  /** One after the other: when this has been printed since the last step, type that, or send it as a signal. */
  readonly steps?: readonly { readonly when: RegExp; readonly type?: string; readonly send?: NodeJS.Signals }[]
}

/** Inherits nothing: CI and NO_COLOR would change what is printed. With the cache, types are stripped only once. */
const environment = (env: Record<string, string> = {}) => ({
  PATH: process.env.PATH ?? '',
  HOME: tmpdir(),
  TERM: 'xterm-256color',
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(tmpdir(), 'strongroom-test-cache'),
  ...env,
})

/** The folder of an application that has this library installed. Everything that a run prints is searched for secrets. */
export class Project {
  readonly dir = realpathSync(mkdtempSync(join(tmpdir(), 'strongroom-cli-')))
  readonly #tokens = new Set<string>()

  constructor() {
    const library = join(this.dir, 'node_modules', 'strongroom')
    mkdirSync(library, { recursive: true })
    const sources = entryPoints(packageNamed('strongroom'))
    const exports: Record<string, string> = {}
    for (const [specifier, file] of sources) {
      const subpath = specifier.slice('strongroom'.length)
      const source = join(root, file)
      const name = `.${subpath || '/index'}.js`
      const from = `from '${pathToFileURL(source).href}'\n`
      // A default export is not among "all".
      const isDefault = /^export default /m.test(readFileSync(source, 'utf8'))
      writeFileSync(join(library, name), `export * ${from}${isDefault ? `export { default } ${from}` : ''}`)
      exports[`.${subpath}`] = name
    }
    writeFileSync(join(library, 'package.json'), JSON.stringify({ name: 'strongroom', type: 'module', exports }))
    this.write('package.json', '{ "name": "application", "type": "module" }')
  }

  path = (...names: string[]) => join(this.dir, ...names)

  write(name: string, text: string | Uint8Array): void {
    writeFileSync(this.path(name), text)
  }

  /** Writes a program of this name into a new folder. Returns the folder, for PATH. */
  fake(name: string, body: string): string {
    const folder = this.path(`bin-${name}-${readdirSync(this.dir).length}`)
    mkdirSync(folder)
    writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 })
    return folder
  }

  makeFolder(name: string): void {
    mkdirSync(this.path(name))
  }

  /** A short version of what `strongroom init` writes. */
  writeConfig(store: string, name = 'strongroom.config.ts'): void {
    this.write('.env', `STRONGROOM_SECRETS=${SECRET}\n`)
    this.write(
      name,
      `import { createSessions } from 'strongroom'
export default createSessions({ secrets: process.env.STRONGROOM_SECRETS, store: '${store}' })\n`,
    )
  }

  /** Creates sessions of one user, or anonymous ones, as the application does. Resolves to their handles, oldest first. */
  async fill(
    store: (clock: () => number) => Store,
    { user, count = 1, age = 0, secrets = SECRET }: { user?: string; count?: number; age?: number; secrets?: string },
  ): Promise<string[]> {
    const clock = manualClock(Date.now() - age)
    const opened = store(clock)
    const sessions = createSessions({ store: opened, secrets, clock, seal: 'two-key' })
    const handles: string[] = []
    for (let i = 0; i < count; i++) {
      const visit = sessions.open({
        'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
      })
      const session = await visit.get()
      session.set('note', CANARY)
      if (user !== undefined) session.login(user)
      const { setCookie } = await visit.commit()
      const token = /=([\w-]{64})/.exec(setCookie ?? '')?.[1]
      this.#tokens.add(token ?? assert.fail('no cookie was set'))
      handles.push(session.handle ?? assert.fail('the session has no handle'))
      clock.advance(1)
    }
    await opened.close()
    return handles
  }

  /** Runs the program with pipes for input and output. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return this.#spawn(process.execPath, [...(options.flags ?? []), main, ...args], args, options)
  }

  /** Runs the program on a pseudo-terminal that `script` creates. Everything that it prints is in `out`. */
  runOnTerminal(script: string, args: readonly string[], options: RunOptions = {}): Promise<Result> {
    // A new terminal has no size: for Node it would be 0 columns wide.
    const words = ['stty cols 100 rows 30;', 'exec', process.execPath, main, ...args].join(' ')
    return this.#spawn(script, ['--quiet', '--return', '--flush', '--command', words, '/dev/null'], args, options)
  }

  async #spawn(command: string, argv: string[], args: readonly string[], options: RunOptions): Promise<Result> {
    const child = spawn(command, argv, { cwd: options.cwd ?? this.dir, env: environment(options.env) })
    let [out, err, seen] = ['', '', '']
    const steps = [...(options.steps ?? [])]
    const watch = (text: string) => {
      seen += text
      const [step] = steps
      if (!step?.when.test(seen)) return
      seen = ''
      steps.shift()
      if (step.type !== undefined) child.stdin.write(step.type)
      if (step.send !== undefined) child.kill(step.send)
    }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
      watch(text)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
      watch(text)
    })
    if (steps.every(({ type }) => type === undefined)) child.stdin.end(options.input)
    const code = await new Promise<number>((done) => child.on('close', (status) => done(status ?? -1)))
    this.#check(`${out}${err}`, args)
    if (!options.stack) assert.doesNotMatch(err, /^ {4}at /m, 'a stack')
    assert.deepEqual(steps, [], `these steps were never reached:\n${out}${err}`)
    return { code, out, err }
  }

  /** No command may print a secret, a token, an id or data, except `keys new`, which prints one secret. */
  #check(output: string, args: readonly string[]): void {
    const printed = args[0] === 'keys' && args[1] === 'new' ? output.replace(/^[\w-]{43}$/m, '') : output
    assert.doesNotMatch(printed, /[0-9a-f]{64}/, 'an id, or an owner tag')
    assert.doesNotMatch(printed, /[\w-]{43,}/, 'a token, or a secret')
    assert.ok(!printed.includes(CANARY), 'data')
    for (const token of this.#tokens) assert.ok(!printed.includes(token), 'a token')
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true })
  }
}

/** The import statement among the next steps that `init` prints. */
export const importIn = (out: string) => /^In your application: (.*)$/m.exec(out)?.[1] ?? assert.fail(out)
