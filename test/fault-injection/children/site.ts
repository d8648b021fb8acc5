import { openStore, type StoreLocation } from '../fixtures/location.ts'
import { serve } from '../fixtures/site.ts'

/** The application as a process of its own. Asked over IPC, it sends its URL. */
const site = await serve(await openStore(JSON.parse(process.argv[2] ?? '') as StoreLocation))
process.on('message', () => process.send?.(site.url))
// The test that started it is gone.
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
