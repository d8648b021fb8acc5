import assert from 'node:assert/strict'
import { request as ask, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { it } from 'node:test'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/index.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'

const secrets = 'PZ1uKt5Jm0cXoDq7lYw3nRbE9hGv2sTf8aUiWk4jLxM'

it('a client that goes away while the handler never answers has its session kept', async () => {
  let updated = () => {}
  const kept = new Promise<void>((resolve) => {
    updated = resolve
  })
  const sessions = createSessions<{ n: number }>({
    store: memory(),
    secrets,
    on: ({ type }) => type === 'updated' && updated(),
  })
  const { cookie } = await sessionFor(sessions, { data: { n: 1 } })
  const server = createServer(
    withSessions(sessions, async (request) => {
      ;(await sessions.get(request)).set('n', 2)
      going.destroy()
      // And that is all: an answer to nobody never comes.
    }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const going = ask({ port, host: '127.0.0.1', headers: { cookie } }).on('error', () => {})
  going.end()
  await kept
  assert.equal((await sessions.read({ cookie })).get('n'), 2)
  server.close()
})
