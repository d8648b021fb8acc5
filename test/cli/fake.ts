import { chmodSync, mkdirSync, readdirSync } from 'node:fs'
import type { Project } from './project.ts'

/** Writes a program of this name into a new folder of the project, for PATH. Returns the folder. */
export function fakeProgram(project: Project, name: string, body: string): string {
  const folder = `bin-${name}-${readdirSync(project.dir).length}`
  mkdirSync(project.path(folder))
  project.write(`${folder}/${name}`, `#!/bin/sh\n${body}\n`)
  chmodSync(project.path(`${folder}/${name}`), 0o755)
  return project.path(folder)
}
