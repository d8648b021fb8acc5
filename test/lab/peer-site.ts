import { djangoRows } from '../../packages/cli/src/lab/peers/django/rows.ts'
import { peerRows } from '../../packages/cli/src/lab/peers/rows.ts'

// A program: it starts the application of the row that is named, and waits to be killed.
const [, , name] = process.argv
await [...peerRows(), ...djangoRows()].find((row) => row.name === name)?.start()
process.stdout.write('ready\n')
process.stdin.resume()
