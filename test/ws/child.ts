/** A server of the application in a process of its own. Its arguments: the URL of the store, and the interval. */
import { startNode } from './node.ts'

const [store = '', every = ''] = process.argv.slice(2)
const node = await startNode({ store }, { every: Number(every), maxUnknown: '1h' })
process.send?.(node.url)
const orphaned = () => process.exit(1)
process.once('disconnect', orphaned)
process.once('message', async () => {
  await node.close()
  // Nothing of it keeps the process alive now.
  process.off('disconnect', orphaned)
  process.disconnect()
})
