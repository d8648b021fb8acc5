import { argv, exit, stdout } from 'node:process'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { collected, outcomeOf } from './collect.ts'
import { ADAPTERS, ENGINES } from './suites.ts'
import { textSuite } from './text.ts'

/** Waits until it is written: the end of a process does not. */
const print = (line: unknown) => new Promise((resolve) => stdout.write(`${JSON.stringify(line)}\n`, resolve))

const [verb = '', name = ''] = argv.slice(2)
if (verb === 'facts') {
  const { cipher, crypto } = createSessions({ store: cookie(), secrets: 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2) }).policy
  await print({ cipher, crypto })
} else {
  const define = { ...ADAPTERS, ...ENGINES, text: textSuite }[name]
  if (!define) throw new Error(`There is no suite ${name}.`)
  define()
  for (const test of collected) await print(verb === 'list' ? test.path : await outcomeOf(test))
}
// Whatever a runtime has left open.
exit(0)
