import { type SpawnOptions, spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { find } from '../scripts/programs.mjs'

const taskset = availableParallelism() > 1 ? find('taskset') : null

/** Do server and load have processors of their own? */
export const apart = taskset !== null

export const SERVER = 0
export const LOAD = 1

/** Starts a program on one processor, where the machine has several and allows it. */
export function spawnOn(processor: number, command: string, args: readonly string[], options: SpawnOptions) {
  if (!taskset) return spawn(command, args, options)
  return spawn(taskset, ['-c', String(processor), command, ...args], options)
}
