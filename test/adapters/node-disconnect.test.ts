import assert from 'node:assert/strict'
import { createServer, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { it } from 'node:test'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/index.ts'
import { turns } from '../../packages/strongroom/src/testing/adapter/gate.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'

const secrets = 'PZ1uKt5Jm0cXoDq7lYw3nRbE9hGv2sTf8aUiWk4jLxM'

it('nothing is saved for a client that disconnects when the handler never responds', async () => {
  let updates = 0
  const sessions = createSessions<{ n: number }>({
    store: memory(),
    secrets,
    on: ({ type }) => type === 'updated' && updates++,
  })
  const { cookie } = await sessionFor(sessions, { data: { n: 1 } })
  let left = () => {}
  const gone = new Promise<void>((resolve) => {
    left = resolve
  })
  const server = createServer(
    withSessions(sessions, async (request, response) => {
      response.on('close', left)
      ;(await sessions.get(request)).set('n', 2)
      outgoing.destroy()
      // The handler never responds.
    }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const outgoing = send({ port, host: '127.0.0.1', headers: { cookie } }).on('error', () => {})
  outgoing.end()
  await gone
  await turns(20)
  assert.equal(updates, 0)
  assert.equal((await sessions.read({ cookie })).get('n'), 1)
  server.close()
})
