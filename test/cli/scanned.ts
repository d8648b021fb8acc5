import { writeFileSync } from 'node:fs'
import { type Report, scanFile } from '../../packages/cli/src/scan/scan.ts'
import type { Project } from './project.ts'

/** Returns a function that writes bytes to a file of the project, and scans it. `pgRestore` is a program, or null for none. */
export const scannerIn =
  (project: Project) =>
  async (bytes: Buffer | string, name = 'x', pgRestore: string | null = null): Promise<Report> => {
    writeFileSync(project.path(name), bytes)
    return scanFile(project.path(name), { pgRestore })
  }

export const rowsOf = ({ findings }: Pick<Report, 'findings'>) => findings.reduce((sum, { rows }) => sum + rows, 0)

/** A command as a client sends it, and as a log of Redis has it. */
export const redisCommand = (...words: string[]) =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
