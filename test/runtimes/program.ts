import { argv, exit, stdout } from 'node:process'
import { collected, outcomeOf } from './collect.ts'
import { ADAPTERS, ENGINES } from './suites.ts'

const [what = '', only = ''] = argv.slice(2)
const define = { ...ADAPTERS, ...ENGINES }[what]
if (!define) throw new Error(`There is no suite ${what}.`)
define()
for (const test of collected)
  if (only === '' || test.path.join(' › ').includes(only)) stdout.write(`${JSON.stringify(await outcomeOf(test))}\n`)
// Whatever a runtime has left open.
exit(0)
