import { serve } from '../kit/site.ts'
import { openAt, type Where } from '../kit/where.ts'

/** The application as a process of its own; asked over IPC, it says where it listens. */
const site = await serve(await openAt(JSON.parse(process.argv[2] ?? '') as Where))
process.on('message', () => process.send?.(site.url))
// Whoever started it is gone.
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
