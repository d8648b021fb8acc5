import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { basename, dirname, isAbsolute, join, relative } from 'node:path'
import { misuse } from '../failure.ts'
import { notWritten } from '../paths.ts'
import { readText } from '../text.ts'

/** Refuses what must not be written through: a link leads to a file of somebody else's, and a device is no file. */
export function checkWritable(file: string): void {
  checkFolder(dirname(file))
  const existing = fs.lstatSync(file, { throwIfNoEntry: false })
  if (!existing || existing.isFile()) return
  const what = existing.isSymbolicLink()
    ? 'a symbolic link'
    : existing.isDirectory()
      ? 'a folder'
      : 'not a regular file'
  throw misuse(`${file} is ${what}, and nothing was changed. Remove it, or name another file.`)
}

/** What is above the project, or elsewhere, is not the project's to judge: a whole system may be behind a link. */
function checkFolder(folder: string): void {
  const inProject = relative(process.cwd(), folder)
  if (inProject.startsWith('..') || isAbsolute(inProject) || !fs.existsSync(folder)) return
  if (fs.realpathSync(folder) === join(fs.realpathSync('.'), inProject)) return
  throw misuse(`${folder} is or is behind a symbolic link, and nothing was changed. Name the folder that it leads to.`)
}

/** "" for a file that does not exist. */
export const textOf = (file: string) => (fs.existsSync(file) ? readText(file) : '')

/**
 * All or nothing: a new file takes the place of the old one, with its mode unless another is given. In UTF-8 without a byte order
 * mark, because that is what every program reads.
 */
export function writeText(file: string, text: string, mode?: number): void {
  checkWritable(file)
  const existing = fs.lstatSync(file, { throwIfNoEntry: false })
  const draft = join(dirname(file), `.${basename(file)}.draft-${randomBytes(6).toString('hex')}`)
  try {
    fs.writeFileSync(draft, text, { flag: 'wx', mode: 0o600, flush: true })
    fs.chmodSync(draft, mode ?? (existing ? existing.mode & 0o777 : 0o666 & ~process.umask()))
    // Root may write a file of somebody else's, who must still be able to read it.
    if (existing && process.getuid?.() === 0) fs.chownSync(draft, existing.uid, existing.gid)
    fs.renameSync(draft, file)
  } catch (cause) {
    fs.rmSync(draft, { force: true })
    throw notWritten(file, cause)
  }
}

/** The text with one more line at its end. */
export const withLine = (text: string, line: string) =>
  `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`
