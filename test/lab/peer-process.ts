import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

/** Kills a lab that has started this row, and waits until all that it had started has ended. */
export async function endsWithTheLab(row: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-killed-lab-'))
  try {
    await killLab(row, folder)
  } finally {
    // What a lab leaves that was killed.
    rmSync(folder, { recursive: true, force: true })
  }
}

async function killLab(row: string, folder: string): Promise<void> {
  const lab = await startLab(row, folder)
  const children = childrenOf(lab.pid as number)
  assert.ok(children.length > 0)
  const ended = once(lab, 'exit')
  lab.kill('SIGKILL')
  await ended
  for (let turn = 0; turn < 500 && children.some(isAlive); turn++) await wait(10)
  assert.deepEqual(children.filter(isAlive), [])
}

/** A lab in a process of its own, with one site. */
async function startLab(name: string, folder: string): Promise<ChildProcess> {
  const lab = spawn(process.execPath, [join(import.meta.dirname, 'peer-site.ts'), name], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TMPDIR: folder },
  })
  const [line] = await once(lab.stdout, 'data')
  assert.match(String(line), /ready/)
  return lab
}

const statOf = (pid: string | number): string[] => {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  } catch {
    return []
  }
}
const isAlive = (pid: number) => !['Z', 'X', ''].includes(statOf(pid)[0] ?? '')
const childrenOf = (parent: number) =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(statOf(name)[1]) === parent)
    .map(Number)
