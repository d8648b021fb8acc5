import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { Redis } from 'ioredis'
import { Topic } from '../../packages/cli/src/doctor/check.ts'
import { authCheck, type Listening, protectedCheck } from '../../packages/cli/src/doctor/redis-protection.ts'
import { describeBoth, type RedisServer, startRedis } from '../servers/redis.ts'
import { examined, outerAddress } from './found.ts'

const outer = outerAddress()
const alone = outer === null && 'this machine has only loopback'

/** What the server says to anyone who connects to an address. */
async function replyAt(host: string, port: number): Promise<string> {
  const socket = connect({ host, port })
  try {
    await once(socket, 'connect')
    socket.write('PING\r\n')
    const [reply] = (await once(socket, 'data')) as [Buffer]
    return reply.toString('latin1')
  } finally {
    socket.on('error', () => {})
    socket.destroy()
  }
}

describeBoth('without a password, and the doctor', (program) => {
  let server: RedisServer
  before(async () => {
    server = await startRedis({ bind: '0.0.0.0', 'protected-mode': 'yes' }, program)
  })
  after(() => server.stop())

  test('protected-mode keeps other machines out, although it listens to all of them', { skip: alone }, async () => {
    assert.match(await replyAt(outer ?? '', server.port), /^-DENIED/)
    const found = await examined(server.url)
    found.is('redis-protected-mode', 'green', /^protected-mode is yes\.$/)
    found.is('redis-auth', 'amber', /every program on its machine can end and copy sessions\.$/, /requirepass/)
  })

  test('a server that answers over a network is red, also where CONFIG may not be read', { skip: alone }, async () => {
    const open = await startRedis({ bind: '0.0.0.0', 'protected-mode': 'no' }, program)
    assert.match(await replyAt(outer ?? '', open.port), /^\+PONG/)
    const client = new Redis(open.port)
    await client.call('ACL', 'SETUSER', 'default', '-config')
    client.disconnect()
    const found = await examined(open.url.replace('127.0.0.1', outer ?? ''))
    const local = await examined(open.url)
    await open.stop()
    found.is('redis-auth', 'red', /listens to a network and asks for no password/, /requirepass/)
    found.is('redis-protected-mode', 'unknown')
    local.is('redis-auth', 'amber', /Whether it answers other machines, too, is not known/)
  })

  test('without protected-mode, a bind to loopback addresses is all that keeps others out: amber', async () => {
    const bound = await startRedis({ bind: '127.0.0.1', 'protected-mode': 'no' }, program)
    const found = await examined(bound.url)
    await bound.stop()
    found.is('redis-protected-mode', 'amber', /nothing but bind \(127\.0\.0\.1\)/, /protected-mode yes/)
    found.is('redis-auth', 'amber')
  })
})

/**
 * Redis 6.2 is not installed here. These are its settings as CONFIG GET gives them; what it makes of them is in `clientAcceptHandler` of its
 * networking.c, and in the release notes of 7.0.
 */
suite('protected-mode of a Redis before 7', () => {
  const topic = new Topic('engine', 'redis-and-valkey')
  const look = (changes: Partial<Listening>) => {
    const old = { server: 'Redis', version: '6.2.14', mode: 'yes', bind: '', isOpen: true, isOpenFromNetwork: false }
    return [authCheck(topic, { ...old, ...changes }), protectedCheck(topic, { ...old, ...changes })] as const
  }
  const levels = (changes: Partial<Listening>) => look(changes).map(({ level }) => level)

  test('protects nothing where bind is set to an address of a network', () => {
    for (const bind of ['0.0.0.0', '127.0.0.1 10.1.2.3', '* -::*', '-10.1.2.3']) {
      assert.deepEqual(levels({ bind }), ['red', 'red'], bind)
      assert.deepEqual(levels({ bind, version: '7.0.0' }), ['amber', 'green'], bind)
    }
    const [, mode] = look({ bind: '0.0.0.0' })
    assert.match(mode.what, /Redis 6\.2\.14 does not heed it where bind is set \(0\.0\.0\.0\)/)
    assert.match(mode.mend ?? '', /requirepass.*Or Redis 7 or later/)
  })

  test('protects where bind is not set, and is not needed where bind names this machine only', () => {
    assert.deepEqual(levels({ bind: '' }), ['amber', 'green'])
    assert.deepEqual(levels({ bind: '127.0.0.1 -::1' }), ['amber', 'green'])
    assert.deepEqual(levels({ bind: '', mode: 'no' }), ['red', 'red'])
    // Redis 7 listens to no address then, and to a Unix socket at most.
    assert.deepEqual(levels({ bind: '', mode: 'no', version: '7.0.0' }), ['amber', 'amber'])
  })

  test('is unknown, and never green, where bind, the version or the password is not known', () => {
    assert.deepEqual(levels({ bind: null }), ['amber', 'unknown'])
    assert.deepEqual(levels({ bind: '0.0.0.0', version: '' }), ['amber', 'unknown'])
    assert.deepEqual(levels({ mode: null }), ['amber', 'unknown'])
    assert.deepEqual(levels({ mode: 'no', isOpen: null }), ['unknown', 'unknown'])
    assert.match(look({ bind: null })[0].what, /Whether it answers other machines, too, is not known/)
  })

  test('makes no difference where a password is asked for', () => {
    for (const mode of ['yes', 'no', null])
      assert.equal(levels({ mode, bind: '0.0.0.0', isOpen: false })[0], 'green', `${mode}`)
    assert.deepEqual(levels({ mode: 'no', bind: '0.0.0.0', isOpen: false }), ['green', 'green'])
  })
})
