import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fstatSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { EXIT, Failure } from '../failure.ts'
import { onSignal } from '../signals.ts'
import { Draft } from './draft.ts'
import type { Command, Plan } from './plan.ts'

export interface Target {
  /** Null is standard output. */
  readonly file: string | null
  readonly force: boolean
}

/**
 * Runs the plan. The programs write to the file, or to our own standard output. `writesElsewhere`: their arguments name another
 * output, which only they know.
 */
export async function runPlan(plan: Plan, target: Target, writesElsewhere: boolean): Promise<void> {
  for (const command of plan.commands) checkInstalled(command)
  if (target.file === null) {
    const size = await runToStdout(plan, writesElsewhere)
    if (!writesElsewhere) checkSize(size)
    return
  }
  const draft = new Draft(target.file)
  const descriptor = draft.create()
  try {
    await runAll(plan, descriptor)
    checkSize(fstatSync(descriptor).size)
    draft.finish(target.force)
  } finally {
    closeSync(descriptor)
    draft.discard()
  }
}

/** Arguments or an option file may have sent the dump elsewhere, in more ways than can be refused beforehand. */
function checkSize(bytes: number): void {
  if (bytes > 0) return
  throw new Failure(
    EXIT.failed,
    'Nothing was written, and there is no backup. Do the arguments after --, or an option file such as ~/.my.cnf, name another output?',
  )
}

/** Resolves to the number of bytes. */
async function runToStdout(plan: Plan, writesElsewhere: boolean): Promise<number> {
  const before = fstatSync(1)
  // In a file pg_dump can go back and complete its table of contents; in a pipe it cannot.
  if (!before.isFile() && !writesElsewhere) return runAll(plan, 'counted')
  await runAll(plan, 'inherit')
  return fstatSync(1).size - before.size
}

/** Runs a program that is not the dump itself. Resolves to what it prints. */
export async function outputOf(command: Command, secrets: Plan['secrets']): Promise<string> {
  checkInstalled(command)
  const child = spawn(command.program as string, command.args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment(secrets),
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more
  })
  await succeeded(child, command.name)
  return text
}

/** Without a limit, the programs of PostgreSQL would wait in silence for a server that never replies. `connect_timeout` in a URL wins. */
const environment = (secrets: Plan['secrets']): NodeJS.ProcessEnv => ({
  ...process.env,
  PGCONNECT_TIMEOUT: process.env.PGCONNECT_TIMEOUT || '10',
  ...secrets,
})

function checkInstalled({ name, program, package: debian }: Command): void {
  if (program !== null) return
  throw new Failure(EXIT.failed, `${name} is not installed. On Debian and Ubuntu it is in the package ${debian}.`)
}

/** Resolves to the number of bytes if they are counted. */
async function runAll({ commands, secrets }: Plan, output: 'inherit' | 'counted' | number): Promise<number> {
  let bytes = 0
  for (const { name, program, args } of commands) {
    const child = spawn(program as string, args, {
      stdio: ['ignore', output === 'counted' ? 'pipe' : output, 'pipe'],
      env: environment(secrets),
    })
    child.stdout?.on('data', (chunk: Buffer) => (bytes += chunk.length))
    const copied = child.stdout ? copy(child.stdout) : null
    const [ended] = await Promise.allSettled([succeeded(child, name)])
    const problem = await copied
    if (problem?.code !== undefined && !['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(problem.code))
      throw new Failure(EXIT.failed, 'The output could not be written', { cause: problem })
    if (ended.status === 'rejected') throw ended.reason
    // The reader of the output has seen enough.
    if (problem) throw new Failure(EXIT.failed, '')
  }
  return bytes
}

/** To our standard output. Resolves to what went wrong. The program that writes is ended by that, too. */
async function copy(stdout: Readable): Promise<NodeJS.ErrnoException | null> {
  try {
    await pipeline(stdout, process.stdout, { end: false })
    return null
  } catch (error) {
    return error as NodeJS.ErrnoException
  }
}

/** Resolves when the program has succeeded. A signal to us ends the program first, and then us. */
async function succeeded(child: ChildProcess, name: string): Promise<void> {
  let isStopped = false
  const restore = onSignal(() => {
    isStopped = true
    child.kill('SIGTERM')
    // What a slow reader has not taken yet would keep it open.
    child.stdout?.destroy()
  })
  let isPipeBroken = false
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    // The programs of MySQL print this where others are ended by SIGPIPE.
    if (/Got errno 32 on write/.test(text)) isPipeBroken = true
    else process.stderr.write(text)
  })
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    if (isStopped) throw new Failure(EXIT.interrupted, 'Interrupted. Nothing was saved.')
    // The reader of the output has seen enough.
    if (signal === 'SIGPIPE' || isPipeBroken) throw new Failure(EXIT.failed, '')
    if (code === 0) return
    const how = signal === null ? `failed with code ${code}` : `was ended by ${signal}`
    throw new Failure(EXIT.failed, `${name} ${how}, and there is no backup.`)
  } finally {
    restore()
  }
}
