import { accessSync, constants, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { EXIT, Failure, messageOf, misuse } from './failure.ts'

/** Is there something of this name? Throws if that cannot be known: what may not be looked at is not absent. */
export function exists(path: string): boolean {
  try {
    statSync(path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    throw notReached(path, error)
  }
}

/** For what is only read: a mistyped path must not become an empty store. */
export function checkPath(path: string | null): void {
  if (path === null) return
  if (!exists(path)) throw misuse(`${path} does not exist, and nothing was created.`)
  try {
    accessSync(path, constants.R_OK)
  } catch (error) {
    throw notReached(path, error)
  }
}

function notReached(path: string, error: unknown) {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EACCES' || code === 'EPERM') return misuse(`${path}: this user may not open it. Run this as its owner.`)
  return misuse(`${path} could not be opened: ${messageOf(error)}`, { cause: error })
}

/** For a file that is written as a draft beside it first: the system's error names the draft, which nobody has asked for. */
export function notWritten(file: string, error: unknown): Failure {
  const { code = '', message } = error as NodeJS.ErrnoException
  const folder = dirname(resolve(file))
  const advice =
    code === 'EACCES' || code === 'EPERM'
      ? `this user may not write to ${folder}. Run this as its owner, or choose another folder`
      : code === 'ENOENT'
        ? `the folder ${folder} does not exist`
        : message.replace(/, \w+ '.*$/s, '')
  return new Failure(EXIT.failed, `${file} could not be written: ${advice}.`)
}
