import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../packages.ts'

/** A call of `prove` in a test. */
export interface Proof {
  readonly id: string
  readonly file: string
}

/** Every `prove('…', …)` in test/asvs, as it is written there. */
export function proofs(): Proof[] {
  const files = globSync('test/asvs/*.test.ts', { cwd: root }).map((file) => file.replaceAll('\\', '/'))
  return files.sort().flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/^prove\(\s*'([^']+)'/gm)].map(([, id = '']) => ({
      id,
      file,
    })),
  )
}
