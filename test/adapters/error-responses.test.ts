import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { withSessions as fetch } from '../../packages/strongroom/src/adapters/fetch.ts'
import { withSessions as node } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions, DataError } from '../../packages/strongroom/src/index.ts'

const secrets = 'PZ1uKt5Jm0cXoDq7lYw3nRbE9hGv2sTf8aUiWk4jLxM'
const sessions = createSessions<{ secretPlan: unknown }>({ store: memory(), secrets })

describe('error responses', () => {
  const before = process.env.NODE_ENV
  afterEach(() => {
    if (before === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = before
  })

  const failing = fetch(sessions, async (request) => {
    ;(await sessions.get(request)).set('secretPlan', 1n)
    return new Response('fine')
  })

  it('tell the developer what went wrong', async () => {
    process.env.NODE_ENV = 'development'
    const response = await failing(new Request('http://localhost/'))
    assert.equal(response.status, 500)
    assert.match(await response.text(), /'secretPlan' contains a value of type bigint/)
  })

  it('in production tell the visitor only that there was an error', async () => {
    process.env.NODE_ENV = 'production'
    const response = await failing(new Request('http://localhost/'))
    assert.equal(response.status, 500)
    assert.equal(await response.text(), 'Internal Server Error\n')
    assert.equal(new DataError('secretPlan', 'about secretPlan').publicMessage, 'Internal Server Error')
  })

  it('the adapters for fetch and node refuse unknown options', () => {
    const unknown = { onErorr: () => new Response() }
    const known = { code: 'STRONGROOM_CONFIG', message: /"onErorr" .* Known: onError/ }
    assert.throws(() => fetch(sessions, () => new Response(), unknown as never), known)
    assert.throws(() => node(sessions, () => {}, unknown as never), known)
  })
})
