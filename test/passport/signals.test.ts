import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { login, site } from './site.ts'

suite('the signals of logins with Passport', { timeout: 20_000 }, () => {
  for (const dropIn of [false, true])
    test(`come once for each login and logout, with the request of Express${dropIn ? ', with strongroom/express-session' : ''}`, async (t) => {
      const told: string[] = []
      const paths: string[] = []
      const { visitor } = await site(t, {
        dropIn,
        sessions: {
          onLogin: ({ userId, request }) => {
            told.push(`in ${userId}`)
            paths.push(String((request as { path?: string } | null)?.path))
          },
          onLogout: ({ userId, request }) => {
            told.push(`out ${userId}`)
            paths.push(String((request as { path?: string } | null)?.path))
          },
        },
      })
      await visitor.ask('/put?basket=tea')
      await login(visitor)
      await visitor.ask('/me')
      await visitor.ask('/logout', { method: 'POST' })
      await visitor.ask('/logout', { method: 'POST' })
      assert.deepEqual(told, ['in ada', 'out ada'])
      assert.deepEqual(paths, ['/login', '/logout'])
    })
})
