import { openStore, type StoreLocation } from '../../fault-injection/fixtures/location.ts'
import { sessionsOn } from '../../fault-injection/fixtures/site.ts'
import { type Order, obey, PATIENT } from '../checker/storm.ts'

/** Another server of the same application. It does what it is told in a message, and sends back what came of it. */
const store = await openStore(JSON.parse(process.argv[2] ?? '') as StoreLocation, PATIENT)
const sessions = sessionsOn(store, { storeTimeout: PATIENT.timeout })
const stopped = new Set<string>()
process.on('message', async (order: Order & { readonly number: number; readonly stop?: string }) => {
  if (order.stop !== undefined) return stopped.add(order.stop)
  const { number } = order
  const begun = () => process.send?.({ number, begun: true })
  const result = await obey(sessions, order, { isStopped: () => stopped.has(order.user), begun })
  stopped.delete(order.user)
  process.send?.({ number, result })
})
// The test that started it is gone.
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
