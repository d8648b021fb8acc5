import { readFileSync } from 'node:fs'
import { messageOf, misuse } from './failure.ts'
import type { Report } from './lab/report.ts'

/** What `strongroom lab --json` has printed into a file. */
export function reportFrom(file: string): Report {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw misuse(`${file} could not be read: ${messageOf(error)}`, { cause: error })
  }
  return reportIn(text, file)
}

/** Half a report would leave out the attack that breaks an engine. */
function reportIn(text: string, name: string): Report {
  const report = parsed(text, name)
  const { format, rows, attacks, cells } = (report ?? {}) as Partial<Report>
  if (format !== 1) throw misuse(`${name} is not what strongroom lab --json of this version prints.`)
  if (![rows, attacks, cells].every(Array.isArray))
    throw misuse(`${name} is not a whole report of strongroom lab --json.`)
  return report as Report
}

function parsed(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw misuse(`${name} is not JSON: make it with strongroom lab --json > ${name}.`, { cause })
  }
}
