import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { unpackTar } from 'modern-tar'
import { pack } from '../../scripts/pack.ts'
import { entryPoints, packageNamed, root } from '../../scripts/packages.ts'

/** What an application that imports everything would import. Frameworks are the application's own. */
export const SUBPATHS: readonly string[] = [...entryPoints(packageNamed('strongroom'))].map(([specifier]) => specifier)

/** A project that has installed strongroom as npm delivers it, and nothing else: no driver can be found from there. */
export interface Project {
  readonly folder: string
  write(file: string, text: string): string
  /** Makes a package of this repository resolvable. */
  borrow(name: string): void
  remove(): void
}

export async function packedProject(): Promise<Project> {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-bundle-'))
  const write = (file: string, text: string | Uint8Array) => {
    const path = join(folder, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    return path
  }
  const packed = mkdtempSync(join(tmpdir(), 'strongroom-packed-'))
  try {
    const tarball = readFileSync(pack(packageNamed('strongroom'), packed))
    for (const { header, data } of await unpackTar(gunzipSync(tarball)))
      if (header.type === 'file' && data) write(header.name.replace(/^package\//, 'node_modules/strongroom/'), data)
  } finally {
    rmSync(packed, { recursive: true, force: true })
  }
  cpSync(join(root, 'node_modules', 'cookie'), join(folder, 'node_modules', 'cookie'), { recursive: true })
  write('package.json', JSON.stringify({ name: 'project', private: true, type: 'module' }))
  return {
    folder,
    write,
    borrow(name) {
      const path = join(folder, 'node_modules', name)
      mkdirSync(dirname(path), { recursive: true })
      symlinkSync(join(root, 'node_modules', name), path, 'junction')
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
