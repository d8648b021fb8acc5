import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { homedir, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { type Check, type Diagnosis, diagnose, type Level } from '../../packages/cli/src/doctor/doctor.ts'
import { runOnce } from '../servers/daemon.ts'

type Target = Parameters<typeof diagnose>[0]
type Options = Parameters<typeof diagnose>[1]

/** What is found about a store, in an environment that has nothing else to be found. */
export async function examined(target: Target, options: Options = {}): Promise<Found> {
  return new Found(await diagnose(target, { environment: {}, envFile: '/nonexistent/.env', ...options }))
}

export class Found {
  readonly diagnosis: Diagnosis

  constructor(diagnosis: Diagnosis) {
    this.diagnosis = diagnosis
    assert.equal(diagnosis.format, 1)
    for (const { level, mend, what, docs } of diagnosis.checks) {
      assert.match(what, /^\S.*[.]$/, 'a sentence')
      assert.match(docs, /^docs\/doctor\.md#[a-z-]+$/)
      if (level === 'green') assert.equal(mend, null)
      if (level === 'amber' || level === 'red') assert.ok(mend, what)
    }
  }

  get(name: string, about?: string): Check {
    const found = this.diagnosis.checks.filter(
      (check) => check.name === name && (about === undefined || check.about === about),
    )
    assert.equal(found.length, 1, `${name}: ${JSON.stringify(found)}, of ${this.names().join(' ')}`)
    return found[0] as Check
  }

  /** The check is at this level, and says this; what mends it has this in it. */
  is(name: string, level: Level, what?: RegExp, mend?: RegExp): void {
    const check = this.get(name)
    assert.equal(check.level, level, `${name}: ${check.what}`)
    if (what) assert.match(check.what, what)
    if (mend) assert.match(check.mend ?? '', mend)
  }

  names(level?: Level): string[] {
    return this.diagnosis.checks.filter((check) => level === undefined || check.level === level).map(({ name }) => name)
  }

  has(name: string): boolean {
    return this.names().includes(name)
  }
}

/** A folder that is neither temporary nor in a repository. */
export function folderAtHome(): { readonly dir: string; remove(): void } {
  const dir = mkdtempSync(join(homedir(), '.strongroom-doctor-'))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

/** An IPv4 address of this machine that is not loopback; null if it has none. */
export function outerAddress(): string | null {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? null
}

/** Of this machine, with nothing at its ports: other programs use 80 and 443 of 127.0.0.1. */
export const QUIET = '127.0.0.77'

/** A certificate for localhost, 127.0.0.1 and `QUIET`, and its key. */
export function certificateIn(dir: string, openssl: string): { readonly certificate: string; readonly key: string } {
  const [certificate, key] = [join(dir, 'certificate.pem'), join(dir, 'key.pem')]
  const names = ['-subj', '/CN=localhost', '-addext', `subjectAltName=DNS:localhost,IP:127.0.0.1,IP:${QUIET}`]
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  runOnce(openssl, ['req', ...kind, ...names, '-keyout', key, '-out', certificate])
  return { certificate, key }
}
