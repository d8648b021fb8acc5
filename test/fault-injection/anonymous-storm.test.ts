import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, test } from 'node:test'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'

suite('a storm of visitors without a session, over HTTP', { timeout: 120_000 }, () => {
  test('fills the store up to the budget, fails nobody, and those who have a session or sign in notice nothing', async (t) => {
    const sessions = createSessions<{ visits: number }>({
      store: memory(),
      secrets: randomBytes(32),
      sweep: false,
      anonymous: { idle: '5m', absolute: '1h', perMinute: 50 },
    })
    const server = createServer(
      withSessions(sessions, async (request, response) => {
        const session = await sessions.get(request)
        if (request.url?.startsWith('/login/')) session.login(request.url.slice('/login/'.length))
        const visits = session.update('visits', (visits = 0) => visits + 1)
        response.end(`${session.userId} ${visits}`)
      }),
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close().closeAllConnections())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    async function ask(path: string, cookie?: string) {
      const response = await fetch(url + path, cookie === undefined ? {} : { headers: { cookie } })
      const [line] = response.headers.getSetCookie()
      return { status: response.status, text: await response.text(), cookie: line?.split(';')[0] }
    }
    const guest = await ask('/')
    const ada = await ask('/login/ada')

    const storm = Array.from({ length: 40 }, async () => {
      for (let n = 0; n < 25; n++) {
        const { status, text } = await ask('/')
        assert.deepEqual([status, text], [200, 'null 1'])
      }
    })
    const others = Array.from({ length: 20 }, async (_, n) => {
      const { text, cookie } = await ask(`/login/user${n}`)
      assert.equal(text, `user${n} 1`)
      assert.equal((await ask('/', cookie)).text, `user${n} 2`)
    })
    await Promise.all([...storm, ...others])

    assert.equal((await ask('/', guest.cookie)).text, 'null 2')
    assert.equal((await ask('/', ada.cookie)).text, 'ada 2')
    const { live } = await sessions.stats()
    assert.equal(live, 50 + 1 + 20)
  })
})
