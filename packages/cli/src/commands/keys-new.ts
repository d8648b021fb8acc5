import type { Command } from 'commander'
import { loadEnv } from '../environment.ts'
import { EXIT, Failure, messageOf } from '../failure.ts'
import { withExamples } from '../options.ts'
import { isDiscarded, line, note } from '../output.ts'
import { kidsOf, newSecret } from '../secrets.ts'

export function keysNew(keys: Command): void {
  const command = keys
    .command('new')
    .summary('print a new secret')
    .description(
      'Prints a new secret of 32 random bytes on stdout, and nothing else. Its key id is not taken by any of the secrets in STRONGROOM_SECRETS, which is also read from .env.',
    )
    .option('--env <file>', 'environment file to load first (default: .env in this folder)')
    .action(print)
  withExamples(command, 'strongroom keys new', 'STRONGROOM_SECRETS="$(strongroom keys new),$STRONGROOM_SECRETS"')
}

function print({ env }: { readonly env?: string }): void {
  if (isDiscarded())
    throw new Failure(EXIT.failed, 'The new secret would be lost: standard output is closed, or it is the null device.')
  loadEnv(process.cwd(), env)
  line(newSecret(validOrNone(process.env.STRONGROOM_SECRETS)))
  if (process.stderr.isTTY)
    note(
      'put it first in STRONGROOM_SECRETS, followed by a comma and the existing secrets. The first is current; the others still open what they sealed.',
    )
}

/** Invalid secrets are no reason not to print a good one, which may be meant to replace them. */
function validOrNone(secrets: string | undefined): string {
  if (!secrets) return ''
  try {
    kidsOf(secrets)
    return secrets
  } catch (error) {
    note(`warning: the value of STRONGROOM_SECRETS was ignored. ${messageOf(error)}`)
    return ''
  }
}
