import type { Command } from 'commander'
import { keysForget } from './keys-forget.ts'
import { keysList } from './keys-list.ts'
import { keysNew } from './keys-new.ts'

export function keys(program: Command): void {
  const group = program
    .command('keys')
    .summary('make, list and forget secrets')
    .description('Makes, lists and forgets secrets.')
  keysNew(group)
  keysList(group)
  keysForget(group)
}
