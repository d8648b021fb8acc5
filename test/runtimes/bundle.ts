import { join } from 'node:path'
import { type BuildOptions, build } from 'esbuild'

/**
 * Bundles a program of this folder with the library's sources, and `collect.ts` in place of `node:test`. Packages stay outside: they are
 * found from where the bundle is.
 */
export async function bundled(program: string, outfile: string, options: BuildOptions = {}): Promise<void> {
  await build({
    entryPoints: [join(import.meta.dirname, program)],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'warning',
    outfile,
    alias: { 'node:test': join(import.meta.dirname, 'collect.ts') },
    ...options,
  })
}
