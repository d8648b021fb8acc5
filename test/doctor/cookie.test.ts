import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import session from '../../packages/strongroom/src/express-session/session.ts'
import { bearer, createSessions, type SessionsOptions } from '../../packages/strongroom/src/index.ts'
import { examined } from './found.ts'

const secrets = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'

async function look(options: SessionsOptions, environment: Record<string, string> = {}) {
  const sessions = createSessions({ store: memory(), secrets, ...options })
  const found = await examined(sessions, { environment })
  await sessions.close()
  return found
}

suite('the doctor and the cookie of a config', () => {
  test('what it advises for the drop-in for express-session are options that it has', async () => {
    const options = { secret: secrets, store: memory(), resave: false, saveUninitialized: false } as const
    const { sessions } = session({ ...options, cookie: { httpOnly: false, domain: 'shop.example' } })
    const found = await examined(sessions)
    found.is('cookie-prefix', 'amber', /called connect\.sid/, /^session\(\{ name: '__Host-id', cookie: \{ secure/)
    found.is('cookie-secure', 'amber', /not Secure/, /^session\(\{ cookie: \{ secure: true \} \}\)/)
    found.is('cookie-http-only', 'red', /not HttpOnly/, /^Leave out cookie: \{ httpOnly: false \}/)
    found.is('cookie-same-site', 'amber', /no SameSite/, /^session\(\{ cookie: \{ sameSite: 'lax' \} \}\)/)
    found.is('cookie-spellings', 'green')
    await sessions.close()
  })

  test('the standard cookie is green', async () => {
    const found = await look({})
    const cookies = found.diagnosis.checks.filter(({ about }) => about === 'cookie')
    assert.deepEqual(
      cookies.map(({ name, level }) => `${name} ${level}`),
      [
        'cookie-prefix green',
        'cookie-secure green',
        'cookie-http-only green',
        'cookie-same-site green',
        'cookie-domain green',
        'cookie-spellings green',
      ],
    )
  })

  test('a plain cookie over http is amber in development, and red in production', async () => {
    const plain = { cookie: { name: 'id', secure: false } }
    const amber = await look(plain)
    amber.is('cookie-prefix', 'amber', /called id, without a prefix/, /__Host-id/)
    amber.is('cookie-secure', 'amber', /also sent over http/)
    const red = await look(plain, { NODE_ENV: 'production' })
    red.is('cookie-prefix', 'red')
    red.is('cookie-secure', 'red')
  })

  test('a cookie of a whole domain is amber', async () => {
    const found = await look({ cookie: { name: '__Secure-id', domain: 'shop.example' } })
    found.is('cookie-domain', 'amber', /Domain=shop\.example/, /__Host-id/)
    found.is('cookie-prefix', 'amber')
  })

  test('a cookie that other sites send along is amber', async () => {
    const found = await look({ cookie: { sameSite: 'none' } })
    found.is('cookie-same-site', 'amber', /SameSite=None/i, /lax/)
  })

  test('sessions with bearer tokens have no cookie to be examined', async () => {
    const found = await look({ transport: bearer(), namespace: 'app', seal: 'two-key' })
    assert.deepEqual(
      found.names().filter((name) => name.startsWith('cookie-')),
      ['cookie-none'],
    )
    found.is('cookie-none', 'green', /header Authorization/)
    found.is('seal', 'green', /one of which is in the token/)
  })

  test('two spellings in use are amber', async () => {
    const found = await look({ cookie: { formerName: 'sid' }, namespace: 'sid' })
    found.is('cookie-spellings', 'amber', /__Host-id, and sid of before/, /Remove cookie: \{ formerName \}/)
  })

  test('sessions in cookies that are signed only, or that nothing ends, are amber', async () => {
    const bare = await look({ store: cookie({ protection: 'signed' }) })
    bare.is('cookie-protection', 'amber', /signed only/)
    bare.is('cookie-revocations', 'amber', /works until its deadline/, /revocations/)
    const whole = await look({ store: cookie({ revocations: memory() }) })
    whole.is('cookie-protection', 'green')
    whole.is('cookie-revocations', 'green')
    assert.equal(whole.get('memory').about, 'revocations')
  })
})
