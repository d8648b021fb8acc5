import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Report } from '../../packages/cli/src/lab/report.ts'

const RECORDED = fileURLToPath(new URL('../../packages/cli/src/lab/recorded.json', import.meta.url))

/**
 * What the lab found: the report in a file that `strongroom lab --json` has written, or else the recorded one. Null if nothing
 * was recorded. Rejects for a file that is not there, or no report.
 */
export async function readReport(file: string | null): Promise<Report | null> {
  const text = await readFile(file ?? RECORDED, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (file === null && error.code === 'ENOENT') return null
    throw new Error(`the report cannot be read: ${error.message}`)
  })
  if (text === null) return null
  const report = parsed(text)
  if (report) return report
  throw new Error('--report names a file that is no report of the lab. Write one with: npx strongroom lab --json')
}

function parsed(text: string): Report | null {
  try {
    const { format, rows, attacks, cells, ...rest } = JSON.parse(text) as Report
    const isReport = format === 1 && [rows, attacks, cells].every(Array.isArray)
    return isReport ? { format, rows, attacks, cells, ...rest } : null
  } catch {
    return null
  }
}
