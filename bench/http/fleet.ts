import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SERVER, spawnOn } from '../processors.ts'
import type { Urls } from '../servers.ts'
import { logIn } from './client.ts'
import type { Contender } from './contender.ts'

const MAIN = fileURLToPath(new URL('../server.ts', import.meta.url))

/** One contender's server, in a process of its own, with visitors who have logged in to it. */
export interface Running {
  readonly contender: Contender
  readonly origin: string
  /** Where it stores its files. */
  readonly directory: string
  /** File with the visitors' Cookie headers, one per line. */
  readonly cookies: string
  /** Processor time that it has used so far, in µs. Other programs affect it less than the throughput. */
  processorTime(): Promise<number>
  stop(): Promise<void>
}

export interface StartOptions {
  readonly sessions: number
  readonly urls?: Urls
  /** Further arguments for Node, such as `--cpu-prof`. */
  readonly node?: readonly string[]
}

export async function start(contender: Contender, { sessions, urls = {}, node = [] }: StartOptions): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), 'strongroom-bench-'))
  const child = spawnOn(SERVER, process.execPath, [...node, MAIN, contender.name, directory], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production', STRONGROOM_BENCH_URLS: JSON.stringify(urls) },
  })
  const stop = async () => {
    await end(child)
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    const origin = `http://127.0.0.1:${await numberFrom(child, contender)}`
    const cookies = join(directory, 'cookies')
    writeFileSync(cookies, (await logIn(origin, sessions)).map((line) => `${line}\n`).join(''))
    const processorTime = async () => {
      child.send('processor time')
      return numberFrom(child, contender)
    }
    return { contender, origin, directory, cookies, processorTime, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The number that the server sends next. */
function numberFrom(child: ChildProcess, { name }: Contender): Promise<number> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error(`The server of "${name}" ended unexpectedly.`))
    child.once('exit', ended)
    child.once('message', (said) => {
      child.off('exit', ended)
      resolve(Number(said))
    })
  })
}

/** By closing the channel, so that it also ends if this process dies. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = once(child, 'exit')
  child.disconnect()
  await ended
}
