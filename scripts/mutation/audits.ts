import { type Mutation, on } from './mutation.ts'

const source = (file: string) => `packages/strongroom/src/${file}.ts`
const core = (file: string) => on('test/core/audit.test.ts', source(file))
const audit = core('request/audit')
const frameworks = on('test/adapters/request-ids.test.ts', source('request/audit'))

/** Mistakes in what events and signals tell of logins, users and requests. */
export const auditMutations: readonly Mutation[] = [
  audit('a user id in events that nobody asked for', 'userIds && whoseOf(event, details)', 'whoseOf(event, details)'),
  audit(
    'the end of a session that is said to be that of whom the request has',
    'event.handle === handleOf(state.ref.cookie.id)',
    'event.handle === null',
  ),
  audit(
    'a logout of a visitor who was not signed in that is told of',
    'if (userId != null) listeners.onLogout?.({ userId, ',
    "listeners.onLogout?.({ userId: userId ?? '', ",
  ),
  on('test/core/adopted-keys.test.ts', source('adoption/visitors'))(
    'a login that is told of as the logout of an adopted session',
    'if (state.loggedOut) context',
    'context',
  ),
  audit('a write that is told of as a login', "state.intent?.verb !== 'login' || ", ''),
  audit('the whole text of a form in an event', 'reason: tidyLabel(reason)', 'reason: reason ?? null'),
  audit('a password that is taken for a detail of a failed login', "(name !== 'userId' && name !== 'reason') || ", ''),
  audit(
    'an error of the function for ids that becomes the visitor’s',
    "      warn('threw an error')\n",
    "      throw new Error('threw an error')\n",
  ),
  audit('a promise in place of an id that ends the process when it rejects', '    given.catch(() => {})\n', ''),
  audit('an id of a request that is found again for each event', '    known.set(request, id)\n', ''),
  frameworks(
    'the id of a request that is asked for before middleware has given it one',
    'const requestId = () => id(request)',
    'const known = id(request)\n      const requestId = () => known',
  ),
  core('request/request-id')('an id of a request that begins a new line of the log', ".replace(/[^!-~]/g, '')", ''),
  core('request/request-id')('the id of a user that is taken for that of a request', 'bag?.requestId ??', 'bag?.id ??'),
  on('test/adapters/request-ids.test.ts', source('request/request-id'))(
    'an id of a request that the client has written',
    'const found = id ??',
    "const found = (request as { headers?: Record<string, string> }).headers?.['x-request-id'] ?? id ??",
  ),
  core('request/login')(
    'the event of a login that is taken back',
    'const renewed = await limit.goingOn(() => loginAgain(task, loaded, changes))\n',
    'const renewed = await limit.goingOn(() => loginAgain(task, loaded, changes))\n    if (renewed) reportLogin(task, renewed, loaded)\n',
  ),
  core('request/commit')(
    'a logout that is told of although another request was faster',
    '    if (!(await endOne(ref))) continue\n',
    '    await endOne(ref)\n',
  ),
  core('request/save')(
    'parallel requests of one process that do not wait for each other',
    'runExclusive(task.context.backing, ',
    'runExclusive(task.context.emit, ',
  ),
  core('events')(
    'a clock that is read for nobody',
    'complete && wantsHandle() ? performance.now() : undefined',
    'performance.now()',
  ),
]
