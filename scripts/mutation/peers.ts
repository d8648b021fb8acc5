// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const peers = (file: string) => on('test/lab/peers.test.ts', `packages/cli/src/lab/${file}.ts`)
const django = (file: string) => on('test/lab/django.test.ts', `packages/cli/src/lab/peers/django/${file}.ts`)
const verdicts = (file: string) => on('test/lab/peer-verdicts.test.ts', `packages/cli/src/lab/attacks/${file}.ts`)

/** The rows of other libraries in the lab. A row that does less than its library, or a thief who is too clumsy, would be unfair. */
export const peerMutations: readonly Mutation[] = [
  peers('peers/express')(
    'a logout of express-session that keeps the session, without its user',
    'await done((callback) => session().save(callback))\n      await done((callback) => session().regenerate(callback))',
    'await done((callback) => session().save(callback))',
  ),
  peers('peers/application')(
    'another library that is told that its connection has no TLS',
    "request.headers['x-forwarded-proto'] = 'https'",
    "request.headers['x-forwarded-proto'] = 'http'",
  ),
  peers('peers/routes')(
    'a change in a session of iron-session that the application does not save',
    "if (route === 'set' || route === 'fail' || route === 'add') await visit.save?.()",
    "if (route === 'fail') await visit.save?.()",
  ),
  peers('peers/routes')(
    'another library whose failing handler does not fail',
    "if (route === 'fail') throw",
    "if (route !== 'fail' && route === undefined) throw",
  ),
  peers('peers/stores')('calls of another library to its store that are not counted', 'calls += 1', 'calls += 0'),
  peers('peers/packages')(
    'a row of another library that starts although a package is missing',
    'names.filter((name) => folderOf(name) === null)',
    'names.filter((name) => folderOf(name) === name)',
  ),
  peers('peers/thief')(
    'a thief of session files who does not sign what was found',
    'update(value)',
    'update(`${value}.`)',
  ),
  peers('peers/thief')(
    'a thief of the files of a database who looks at one place only',
    'Math.min(run.length - 31, 64)',
    'Math.min(run.length - 31, 1)',
  ),
  peers('peers/redis')(
    'sessions of another library in Redis that do not get older with the application',
    'else await client.del(key)',
    'else await client.get(key)',
  ),
  peers('running')(
    'a clock that is set in the application, and not in its store',
    'await backend.age?.(by - ahead)',
    'await backend.age?.(0)',
  ),
  peers('running')(
    'a store that gets older once for each of its servers',
    'if (isFirst) await backend.age',
    'if (isFirst || backend.age) await backend.age',
  ),
  peers('peers/files')(
    'a session file that is not put back',
    'writeFileSync(join(folder, key), data ?? value)',
    'writeFileSync(join(folder, `${key}.old`), data ?? value)',
  ),
  django('python')(
    'a Python without Django that is taken for one with it',
    'if (status === 0) return',
    'if (status !== null) return',
  ),
  django('thief')('a thief of a Django who does not look into what was signed', "'base64url'", "'hex'"),
  django('thief')('a thief of a Django who finds no session keys', '/[a-z0-9]{32,}/g', '/[a-z0-9]{64,}/g'),
  django('site-text')(
    'a Django that does not end the sessions of a user when it is told to',
    'user.set_password(PASSWORD)\n',
    'user.get_username()\n',
  ),
  django('site-text')(
    'a file of Django whose time is not that of its server',
    '        if ahead:\n',
    '        if ahead < 0:\n',
  ),
  django('site-text')(
    'a handler of Django that fails after its response was saved',
    '    raise RuntimeError("This handler fails.")\n',
    '    request.session["failed"] = True\n',
  ),
  verdicts('kill')(
    'a store that is killed while nothing is written',
    "{ what: 'the store', late: VISITORS }",
    "{ what: 'the store', late: 0 }",
  ),
  verdicts('kill')(
    'a write that was under way when the store was killed, and whose answer counts for nothing',
    'if (answer?.status === 200) writer.acknowledged = 1',
    'if (answer?.status === 201) writer.acknowledged = 1',
  ),
  verdicts('abandoned')(
    'people who never come back, and whose sessions are read before the heap is searched',
    'const leftInHeap = await foundInHeap(people)\n      const open = await Promise.all(\n        visitors.map(({ visitor, user }) => countOpen(site, visitor.copies, user, people.note)),\n      )\n',
    'const open = await Promise.all(\n        visitors.map(({ visitor, user }) => countOpen(site, visitor.copies, user, people.note)),\n      )\n      const leftInHeap = await foundInHeap(people)\n',
  ),
  verdicts('loot')(
    'a thief who does not try what was found first',
    'const batch = cookies.slice(at, at + ABREAST)',
    'const batch = cookies.slice(at, at + ABREAST).filter((cookie) => !/=[a-z0-9]{32}$/.test(cookie))',
  ),
  verdicts('replay')(
    'a second cookie that is blamed for a logout that never ends a copy',
    'if (alone.survives)',
    'if (alone.survives && alone.status === 0)',
  ),
]
