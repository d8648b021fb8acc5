import type { Id } from '../../../src/token.ts'
import { type Engine, openStore } from './state.ts'

/** Adds one to a shared session, so many times, each time trying until it wins. */
const [, , engine = '', place = '', id = '', times = ''] = process.argv
const store = openStore(engine as Engine, place)
let lost = 0
for (let done = 0; done < Number(times); ) {
  const found = await store.read(id as Id)
  if (!found) throw new Error('the counter is absent')
  const bytes = Buffer.from(String(Number(Buffer.from(found.entry.bytes).toString()) + 1))
  if ((await store.update(id as Id, { ...found.entry, bytes }, found.version)) !== null) done += 1
  // Whoever loses has lost to the other.
  else if (++lost > Number(times)) throw new Error('an update was refused although nobody else had made one')
}
await store.close()
