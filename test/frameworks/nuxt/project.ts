import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageNamed, root } from '../../../scripts/packages.ts'
import { ran } from '../../bundlers/program.ts'

export interface NuxtProject {
  readonly folder: string
  write(file: string, text: string): void
  /** Copies a folder of this repository into it. */
  copy(folder: string): Promise<void>
  /** Builds it for a preset of Nitro. Returns what was printed. */
  build(preset: string): string
  /** Loads what was built into this process. */
  load(): Promise<Record<string, unknown>>
  remove(): void
}

/** A project that has installed Nuxt, and strongroom as a link to its sources, which are the same modules as those of the test. */
export function nuxtProject(): NuxtProject {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-nuxt-'))
  const write = (file: string, text: string) => {
    const path = join(folder, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  const link = (from: string, name: string) => {
    const path = join(folder, 'node_modules', name)
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(from, path, 'junction')
  }
  for (const name of installed()) link(join(root, 'node_modules', name), name)
  link(join(root, packageNamed('strongroom').folder), 'strongroom')
  write('package.json', JSON.stringify({ name: 'project', private: true, type: 'module' }))
  return {
    folder,
    write,
    copy: (from) => cp(join(root, from), folder, { recursive: true }),
    build(preset) {
      const own = join(folder, 'nuxt.config.ts')
      if (existsSync(own)) renameSync(own, join(folder, 'own.config.ts'))
      else write('own.config.ts', 'export default {}')
      write('nuxt.config.ts', CONFIG)
      const program = join('node_modules', 'nuxt', 'bin', 'nuxt.mjs')
      return ran(folder, [program, 'build', '--preset', preset], { NUXT_TELEMETRY_DISABLED: '1' })
    },
    load: () => import(pathToFileURL(join(folder, '.output', 'server', 'index.mjs')).href),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function* installed(): Iterable<string> {
  const modules = join(root, 'node_modules')
  for (const name of readdirSync(modules))
    if (name.startsWith('@')) for (const scoped of readdirSync(join(modules, name))) yield `${name}/${scoped}`
    else if (!name.startsWith('.') && name !== 'strongroom') yield name
}

/**
 * Rolldown 1.3 refuses that Nuxt 4.5 imports unctx by its name, as an external module, and by its path, as a part of the bundle. `buildDir`
 * is in node_modules otherwise, whose folders are links to those of this repository.
 */
const CONFIG = `
import own from './own.config'

const unctx = {
  name: 'unctx',
  enforce: 'pre',
  applyToEnvironment: ({ name }) => name === 'ssr',
  resolveId: (id) => (/^[^\\0].*[\\\\/]unctx[\\\\/]dist[\\\\/]index\\.mjs$/.test(id) ? { id, external: 'absolute' } : null),
}

export default defineNuxtConfig({
  compatibilityDate: '2026-01-01',
  telemetry: false,
  buildDir: '.nuxt',
  ...own,
  vite: { plugins: [unctx] },
  nitro: { experimental: { websocket: true }, rollupConfig: { external: [/^strongroom(?:\\/|$)/] } },
})
`
