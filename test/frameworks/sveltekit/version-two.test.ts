import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { strongroom } from '../../../packages/strongroom/src/adapters/sveltekit.ts'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../../packages/strongroom/src/sessions.ts'
import { sessionFor } from '../../../packages/strongroom/src/testing/index.ts'

/** What SvelteKit 2 writes for an action that `use:enhance` has called: a 200, whatever `fail` says. */
const RESULTS: readonly (readonly [string, object, boolean])[] = [
  ['fail(500)', { type: 'failure', status: 500, data: '[{"saved":1},false]' }, false],
  ['fail(400)', { type: 'failure', status: 400, data: '[{"saved":1},false]' }, true],
  ['success', { type: 'success', status: 200, data: '[{"type":1},"failure"]' }, true],
]

for (const [what, result, saves] of RESULTS)
  test(`${what} of an enhanced form under SvelteKit 2 ${saves ? 'saves' : 'saves nothing, as without scripts'}`, async () => {
    const sessions = createSessions({ store: memory(), secrets: randomBytes(32), sweep: false })
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const headers = { cookie, accept: 'application/json', 'x-sveltekit-action': 'true' }
    const event = {
      request: new Request('http://localhost/page', { method: 'POST', headers }),
      locals: {},
      isSubRequest: false,
      isDataRequest: false,
      cookies: { set: () => {} },
    }
    const response = await strongroom(sessions)({
      event,
      async resolve() {
        ;(await sessions.get(event)).set('changed', true)
        return Response.json(result)
      },
    })
    assert.deepEqual(await response.json(), result)
    assert.equal((await sessions.read({ cookie })).has('changed'), saves)
  })
