import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Where } from './where.ts'

/** Starts a module of `children/` as a process of its own; resolves when it says that it is ready. */
export async function start(name: string, where: Where): Promise<ChildProcess> {
  const script = fileURLToPath(new URL(`../children/${name}.ts`, import.meta.url))
  const child = fork(script, [JSON.stringify(where)], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit').then(([code]) => assert.fail(`${name} ended with ${code} before it was ready`))
  // It will end, and nobody listens any more then.
  ended.catch(() => undefined)
  await Promise.race([once(child, 'message'), ended])
  return child
}

export async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}
