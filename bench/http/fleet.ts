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
import type { Usage } from './usage.ts'

const MAIN = fileURLToPath(new URL('../server.ts', import.meta.url))

/** One contender's server, in a process of its own, with visitors who have logged in to it. */
export interface Running {
  readonly contender: Contender
  readonly origin: string
  /** Where it stores its files. */
  readonly directory: string
  /** File with the visitors' newest Cookie headers, one per line. */
  readonly cookies: string
  /** Begins to count what it uses. */
  begin(): Promise<void>
  /** What it has used since `begin`. */
  end(): Promise<Usage>
  stop(): Promise<void>
}

export interface StartOptions {
  /** Visitors who log in, times the contender's `visitorFactor`. */
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
    const origin = `http://127.0.0.1:${await messageFrom<number>(child, contender)}`
    const cookies = join(directory, 'cookies')
    const visitors = sessions * (contender.visitorFactor ?? 1)
    writeFileSync(cookies, (await logIn(origin, visitors)).map((line) => `${line}\n`).join(''))
    const ask = <T>(what: 'begin' | 'end') => {
      child.send(what)
      return messageFrom<T>(child, contender)
    }
    const begin = async () => void (await ask('begin'))
    return { contender, origin, directory, cookies, begin, end: () => ask<Usage>('end'), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What the server sends next. */
function messageFrom<T>(child: ChildProcess, { name }: Contender): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error(`The server of "${name}" ended unexpectedly.`))
    child.once('exit', ended)
    child.once('message', (said) => {
      child.off('exit', ended)
      resolve(said as T)
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
