import type { Command } from 'commander'
import { type AnySessions, inNamespace, type StoreOptions, withSessions } from '../config.ts'
import { EXIT, Failure } from '../failure.ts'
import { keyId, withExamples, withNamespace, withStoreOptions } from '../options.ts'
import { json, line } from '../output.ts'

interface Options extends StoreOptions {
  readonly json?: true
}

export function keysForget(keys: Command): void {
  const command = withNamespace(withStoreOptions(keys.command('forget')))
    .argument('<key id>', 'of a secret that was removed for good, as keys list shows it', keyId)
    .summary('forget a secret that was removed for good')
    .description(
      "Ending all of a user's sessions is refused while a secret is missing under which there may be some. If it was removed for good, so that its sessions have ended, this says so. Only then: while one server still has it, the others would end all sessions but those under it, and report success.",
    )
    .action((kid: number, options: Options) =>
      withSessions(options, ['store', 'namespace', 'keys'], (sessions) => forget(sessions, kid, options)),
    )
  withExamples(command, 'strongroom keys forget 17')
}

async function forget(sessions: AnySessions, kid: number, options: Options): Promise<void> {
  if ((await sessions.keys()).includes(kid))
    throw new Failure(EXIT.misused, `The secret with key id ${kid} is in use: remove it from the secrets first.`)
  if (!(await sessions.forgetKey(kid)))
    throw new Failure(
      EXIT.notFound,
      `No sessions were known under a secret with key id ${kid}${inNamespace(options, sessions)}.`,
    )
  if (options.json) json({ kid, forgotten: true })
  else line(`Forgot the secret with key id ${kid}.`)
}
