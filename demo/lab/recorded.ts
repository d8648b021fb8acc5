import { readFile } from 'node:fs/promises'
import { type Report, recordedReport } from '@strongroom/cli/lab'

/**
 * What the lab found: the report in a file that `strongroom lab --json` has written, or else the one that is recorded in this
 * clone. Rejects for a file that is not there, or no report.
 */
export async function readReport(file: string | null): Promise<Report> {
  if (file === null) return recordedReport()
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`the report cannot be read: ${error.message}`)
  })
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
