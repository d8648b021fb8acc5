import { locate } from '../locate.ts'
import { oneLine, redact } from '../output.ts'
import { type Report, scanFile } from '../scan/scan.ts'
import { type Check, Topic } from './check.ts'
import { endOf } from './examine.ts'

const WITHOUT = 'Make backups with npx @strongroom/cli backup, or pg_dump --exclude-table-data=strongroom_sessions.'

/** Reads backups whole, as `strongroom scan` does. Which ones are made, and where they are, cannot be seen from here. */
export async function examineBackups(files: readonly string[]): Promise<readonly Check[]> {
  const topic = new Topic('backups', 'backups')
  const checks: Check[] = []
  // One after the other: each is a large file, and the disk is one.
  for (const file of files) checks.push(checkOf(topic, await scanFile(file, { pgRestore: locate('pg_restore') })))
  return checks
}

function checkOf(topic: Topic, { file, findings, problem }: Report): Check {
  const check = 'backup'
  const name = oneLine(file)
  const rows = findings.filter((finding) => finding.rows > 0)
  if (rows.some(({ readable }) => readable === 'yes'))
    return topic.red(
      check,
      `${name} has session rows that anyone who finds it can read.`,
      `${WITHOUT} Remove this one.`,
    )
  if (rows.some(({ readable }) => readable === 'with-key'))
    return topic.amber(
      check,
      `${name} has session rows that anyone can read who also has the secrets.`,
      `${WITHOUT} And leave out the option seal, so that sessions are sealed with two keys.`,
    )
  if (problem !== null)
    return topic.unknown(
      check,
      `${name} could not be read whole: ${endOf(redact(oneLine(problem)))}`,
      `npx @strongroom/cli scan ${name}`,
    )
  if (rows.length > 0)
    return topic.amber(
      check,
      `${name} has the session table. Nobody can read it, but a restore brings sessions back that have ended since.`,
      WITHOUT,
    )
  return topic.green(check, `${name} was read whole, and has no session rows.`)
}
