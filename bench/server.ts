import type { AddressInfo } from 'node:net'
import { contenderOf } from './http/contenders.ts'

// One contender's server: `node bench/server.ts NAME DIRECTORY`. http/fleet.ts starts it, receives its port, and may ask how
// much processor time it has used.
const [name = '', directory = '.'] = process.argv.slice(2)
const urls = JSON.parse(process.env.STRONGROOM_BENCH_URLS ?? '{}')
const server = await contenderOf(name).listen({ directory, urls })
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.(user + system)
})
process.on('disconnect', () => process.exit())
process.send?.((server.address() as AddressInfo).port)
