import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Neither may call home, and a terminal that is not there must not be asked. */
const QUIET = {
  NEXT_TELEMETRY_DISABLED: '1',
  WRANGLER_SEND_METRICS: 'false',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  NO_UPDATE_NOTIFIER: '1',
  CI: 'true',
}

export type Variables = Readonly<Record<string, string>>

const environment = (variables: Variables) => {
  const { STRONGROOM_SECRETS: _, NODE_ENV: __, NODE_OPTIONS: ___, NODE_TEST_CONTEXT: ____, ...rest } = process.env
  return { ...rest, ...QUIET, ...variables }
}

/** Runs a program of Node's to its end, and returns what it printed; a failure throws it. */
export function ran(cwd: string, args: readonly string[], variables: Variables = {}): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd,
    encoding: 'utf8',
    env: environment(variables),
    timeout: 400_000,
  })
  assert.equal(status, 0, `${stdout}${stderr}`)
  return `${stdout}${stderr}`
}

export interface Server {
  readonly url: string
  /** What it has printed so far. */
  readonly printed: readonly string[]
  stop(): Promise<void>
}

/** Starts a server, and resolves when it has printed its address, and that it is ready. */
export async function served(
  cwd: string,
  args: readonly string[],
  variables: Variables = {},
  ready = /\bReady\b/,
): Promise<Server> {
  // In a group of its own: both programs start further processes, which must end with them.
  const child = spawn(process.execPath, args, { cwd, env: environment(variables), detached: true })
  const printed: string[] = []
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    await exit
  }
  try {
    return { url: await addressOf(child, printed, ready), printed, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function addressOf(child: ChildProcess, printed: string[], ready: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let url: string | undefined
    for (const stream of [child.stdout, child.stderr])
      if (stream)
        createInterface({ input: stream }).on('line', (line) => {
          printed.push(line)
          url ??= /https?:\/\/(?:localhost|127\.0\.0\.1):\d+/.exec(line)?.[0]
          if (url !== undefined && ready.test(line)) resolve(url)
        })
    child.once('exit', () => reject(new Error(`It ended before it was ready.\n${printed.join('\n')}`)))
  })
}
