import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from '../../scripts/packages.ts'

/** The most memory, in MB, that a scan of these bytes takes more than the scan of a small file. They are written to `file`. */
export function memoryOf(file: string, bytes: Buffer): number {
  const [small, large] = [Buffer.from('-- SQL\nSELECT 1;\n'), bytes].map((each) => {
    writeFileSync(file, each)
    const url = pathToFileURL(join(root, 'packages/cli/src/scan/scan.ts'))
    const script = `const { scanFile } = await import(${JSON.stringify(url)})
      let most = 0
      const look = () => (most = Math.max(most, process.memoryUsage.rss()))
      setInterval(look, 2).unref()
      await scanFile(${JSON.stringify(file)}, { pgRestore: null })
      look()
      console.log(most)`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    })
    assert.match(stdout, /^\d+\n$/, stderr)
    return Number(stdout)
  }) as [number, number]
  return (large - small) / 2 ** 20
}
