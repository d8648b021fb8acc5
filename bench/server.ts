import type { AddressInfo } from 'node:net'
import { contenderOf } from './http/contenders.ts'
import { meter } from './http/usage.ts'

// One contender's server: `node bench/server.ts NAME DIRECTORY`. http/fleet.ts starts it, receives its port, and asks what it
// has used between "begin" and "end".
const [name = '', directory = '.'] = process.argv.slice(2)
const urls = JSON.parse(process.env.STRONGROOM_BENCH_URLS ?? '{}')
const server = await contenderOf(name).listen({ directory, urls })
const { begin, end } = meter(server)
process.on('message', (asked: 'begin' | 'end') => {
  if (asked === 'end') return process.send?.(end())
  begin()
  process.send?.('begun')
})
process.on('disconnect', () => process.exit())
process.send?.((server.address() as AddressInfo).port)
