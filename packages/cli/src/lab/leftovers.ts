import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'

/** What the name of each process's folder begins with. */
export const PREFIX = 'strongroom-lab-'

const SIGNATURE = 'process.json'

/** Which process a folder belongs to. */
interface Owner {
  readonly pid: number
  /** When it began, as the system says it: a process id is given to another process, sooner or later. */
  readonly began: string
  /** Where that process id means anything: a container has process ids of its own, and may share its temporary files. */
  readonly where: string
}

/** Says in the folder which process it belongs to. */
export function sign(folder: string): void {
  const owner = ownerHere()
  // Without a signature, nobody removes it but this process.
  if (owner) writeFileSync(join(folder, SIGNATURE), JSON.stringify(owner), { mode: 0o600 })
}

/**
 * Removes what runs that were killed have left below `parent`: folders of this user whose process is gone. Where that is not certain
 * (another host, another container, another user, no signature), a folder stays. Returns how many it has removed.
 */
export function removeLeftovers(parent: string = tmpdir()): number {
  const left = readdirSync(parent).filter((name) => name.startsWith(PREFIX) && isLeft(join(parent, name)))
  for (const name of left)
    try {
      rmSync(join(parent, name), { recursive: true, force: true, maxRetries: 3 })
    } catch {
      // Another run removes it at the same time, or nobody can: no reason to run no attack.
    }
  return left.length
}

function ownerHere(): Owner | null {
  try {
    const began = beganAt(process.pid)
    return began === null ? null : { pid: process.pid, began, where: here() }
  } catch {
    return null
  }
}

function isLeft(folder: string): boolean {
  try {
    const found = lstatSync(folder)
    if (!found.isDirectory() || found.uid !== process.getuid?.()) return false
    const { pid, began, where } = JSON.parse(readFileSync(join(folder, SIGNATURE), 'utf8')) as Owner
    return Number.isSafeInteger(pid) && where === here() && beganAt(pid) !== began
  } catch {
    return false
  }
}

/** Null if there is no such process. Throws where nobody can say. */
function beganAt(pid: number): string | null {
  if (!existsSync('/proc/self/stat')) return beganByPs(pid)
  try {
    // In ticks since the system was started: the twentieth field after the name, which may contain anything.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19] ?? null
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}

/** Where there is no /proc. */
function beganByPs(pid: number): string | null {
  const { error, status, stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', `${pid}`], { encoding: 'utf8' })
  if (error) throw error
  return status === 0 ? stdout.trim() : null
}

function here(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return hostname()
  }
}
