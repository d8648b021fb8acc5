import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { createDjangoSessions, djangoCookies, djangoFiles } from '../../packages/django/src/index.ts'
import { csrfPolicy } from '../../packages/strongroom/src/http/csrf.ts'
import type { BaseSessions } from '../../packages/strongroom/src/sessions.ts'

const SECRET = 'django-insecure-8q1x2c3v4b5n6m7'

type Values = { basket: string[] }
type Sessions = BaseSessions<Values>

/** Sessions in the formats of Django, whose ids tell less than ours. */
function made(t: TestContext, kind: 'files' | 'cookies'): Sessions {
  if (kind === 'cookies')
    return createDjangoSessions<Values>({ store: djangoCookies(), secretKey: SECRET, password: async () => 'pbkdf2$1' })
  const dir = mkdtempSync(join(tmpdir(), 'strongroom-csrf-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return createDjangoSessions<Values>({ store: djangoFiles(dir), secretKey: SECRET, password: async () => 'pbkdf2$1' })
}

type Visit = ReturnType<Sessions['open']>

/** A request of a visitor with one cookie; resolves to the result, and the cookie that the visitor has afterwards. */
async function visit<T>(sessions: Sessions, cookie: string | null, work: (visit: Visit) => Promise<T>) {
  const one = sessions.open(cookie === null ? {} : { cookie })
  const result = await work(one)
  const { setCookie } = await one.commit()
  return { result, cookie: setCookie?.split(';')[0] ?? cookie }
}

const accepts = async (sessions: Sessions, cookie: string | null, token: string) => {
  const headers = { cookie: String(cookie), 'x-csrf-token': token }
  const facts = { method: 'POST', headers, host: 'shop.example', encrypted: false }
  return (async () => sessions.checkCsrf({}, facts, csrfPolicy({})))().then(
    () => true,
    () => false,
  )
}

for (const kind of ['files', 'cookies'] as const)
  suite(`csrf: a token of a session in Django's ${kind}`, () => {
    test('stays good while the session is written to, and is refused after a login', async (t) => {
      const sessions = made(t, kind)
      const first = await visit(sessions, null, (one) => one.csrfToken())
      const written = await visit(sessions, first.cookie, async (one) => {
        const session = await one.get()
        session.set('basket', ['tea'])
        return one.csrfToken()
      })
      for (const token of [first.result, written.result])
        assert.equal(await accepts(sessions, written.cookie, token), true)
      const login = await visit(sessions, written.cookie, async (one) => {
        const session = await one.get()
        session.login('42')
        return one.csrfToken()
      })
      assert.equal(await accepts(sessions, login.cookie, first.result), false)
      assert.equal(await accepts(sessions, login.cookie, login.result), true)
    })
  })

test('a token that a parallel request got while somebody signed in is refused after the login', async (t) => {
  const sessions = made(t, 'files')
  const { cookie } = await visit(sessions, null, async (one) => {
    const session = await one.get()
    session.set('basket', ['tea'])
  })
  const login = sessions.open({ cookie: String(cookie) })
  const session = await login.get()
  const planted = await visit(sessions, cookie, (one) => one.csrfToken())
  session.login('42')
  const { setCookie } = await login.commit()
  assert.equal(await accepts(sessions, String(setCookie?.split(';')[0]), planted.result), false)
})
