import type { Command } from 'commander'
import { loadEnv } from '../config.ts'
import { messageOf } from '../failure.ts'
import { withExamples } from '../options.ts'
import { line, note } from '../output.ts'
import { kidsOf, newSecret } from '../secrets.ts'

export function keysNew(keys: Command): void {
  const command = keys
    .command('new')
    .summary('print a fresh secret')
    .description(
      'Prints a fresh secret of 32 random bytes, and nothing else, on stdout. It fits beside the secrets in STRONGROOM_SECRETS, which are read from .env too.',
    )
    .option('--env <file>', 'environment to load first (default: .env here)')
    .action(print)
  withExamples(command, 'strongroom keys new', 'STRONGROOM_SECRETS="$(strongroom keys new),$STRONGROOM_SECRETS"')
}

function print({ env }: { readonly env?: string }): void {
  loadEnv(process.cwd(), env)
  line(newSecret(usable(process.env.STRONGROOM_SECRETS)))
  if (process.stderr.isTTY)
    note(
      'put it first in STRONGROOM_SECRETS, before a comma and the secrets that are there: the first is current, the others go on opening what they made.',
    )
}

/** Secrets that are refused are no reason to withhold a good one: it may be here to take their place. */
function usable(secrets: string | undefined): string {
  if (!secrets) return ''
  try {
    kidsOf(secrets)
    return secrets
  } catch (error) {
    note(`warning: what is in STRONGROOM_SECRETS was left out of account. ${messageOf(error)}`)
    return ''
  }
}
