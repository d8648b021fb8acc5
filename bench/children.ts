import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Runs a program of this directory in a process of its own, and resolves to the JSON that it prints. */
export async function outputOf(
  program: string,
  args: readonly string[],
  node: readonly string[] = [],
): Promise<unknown> {
  const path = fileURLToPath(new URL(program, import.meta.url))
  const { stdout } = await run(process.execPath, [...node, path, ...args])
  return JSON.parse(stdout)
}
