// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const studio = (suite: string, file: string) => on(`test/studio/${suite}.test.ts`, `packages/studio/src/${file}.ts`)

export const studioMutations: readonly Mutation[] = [
  studio('copies', 'devices/pages')(
    'a devices page for a session that was ended in another process',
    'return this.#sessions.get(request, { fresh: true })',
    'return this.#sessions.get(request)',
  ),
  studio('copies', 'app')(
    'a form of an operator whose session was ended in another process',
    '      if (!isRead(c)) await loadFresh(operators, c.req.raw)\n',
    '',
  ),
  studio('copies', 'app')(
    'a form that fails because a session has ended which was changed before',
    'if (!(error instanceof SessionGoneError)) throw error',
    'throw error',
  ),
  studio('devices', 'mount')('a form of any size that is read whole', 'formUpTo(LARGEST_FORM,', 'formUpTo(Infinity,'),
  on('test/core/device-page.test.ts', 'packages/strongroom/src/admin/device-page.ts')(
    'a page of sessions that repeats the last one of the page before',
    'olderThan ? countTo(olderThan, true)',
    'olderThan ? countTo(olderThan, false)',
  ),
  on('test/core/device-page.test.ts', 'packages/strongroom/src/admin/device-page.ts')(
    'a page of sessions without those that began in the same millisecond',
    'return one < other ? -1 : one > other ? 1 : 0',
    'return one < other || one > other ? 0 : 0',
  ),
  studio('pages', 'pages/user')('a page with all sessions of a user', 'const SHOWN = 100', 'const SHOWN = 5000'),
  studio('write', 'pages/sessions')(
    'an operator who ends a session and loses the page that it was on',
    "what === 'one' ? placeQuery(placeIn(c.get('fields'))) : {}",
    '{}',
  ),
  studio('searches', 'searches')(
    'searches of the whole store that queue without a bound',
    'const MOST = 5',
    'const MOST = Infinity',
  ),
  studio('searches', 'searches')(
    'searches of the whole store that run side by side',
    'const over = this.#last.then(run)',
    'const over = run()',
  ),
  studio('searches', 'searches')(
    'a search that nobody waits for any more, and that runs',
    'if (!mustRun && this.#clock() - search.askedAt > GONE)',
    'if (!mustRun && this.#clock() < search.askedAt)',
  ),
  studio('searches', 'pages/handle')(
    'a page that ends a session again when it is loaded again',
    'await searches.follow<boolean>(nameOfEnd(handle), TIME_LIMIT)',
    '(await searches.ask(nameOfEnd(handle), () => board.sessions.revoke(handle), { limit: TIME_LIMIT })) as\n        | SearchState<boolean>\n        | null',
  ),
  studio('pages', 'pages/sessions')(
    'a link on another site that searches the whole store',
    'if (handle && isAskedHere(c))',
    'if (handle)',
  ),
  studio('guard', 'guard')(
    'a guard that forgets to return, and lets everybody in',
    'if (said === true) return',
    'if (said === true || said === undefined) return',
  ),
  studio('write', 'guard')(
    'an operator whose role is missing, and who may end sessions',
    "'write' in rest ? rest.write === true : true",
    'rest.write !== false',
  ),
  studio('guard', 'guard')(
    'a studio that starts without a guard',
    "if (typeof guard === 'function') return guard as Guard",
    'if (guard !== null) return (guard ?? (() => true)) as Guard',
  ),
  studio('guard', 'app')(
    'a guard that throws, and lets everybody in',
    "      return plain(500, 'The guard of this page failed, and nobody was let in. The log of the application says more.')",
    '',
  ),
  studio('guard', 'app')(
    'a studio that shows itself to those whom its guard refuses',
    "return verdict.response ?? plain(404, 'Not Found')",
    "return verdict.response ?? plain(403, 'Not an operator')",
  ),
  studio('write', 'app')(
    'a read-only studio that ends sessions when it is sent a form',
    "if (!c.get('write')) return refuse('read-only')",
    '',
  ),
  studio('write', 'app')(
    'forms of other sites that end sessions in the studio',
    "if (!(await forms.isOwn(c.req.raw, fields))) return refuse('forged')",
    'await forms.isOwn(c.req.raw, fields)',
  ),
  studio('write', 'forms')(
    'a forged form that passes because the browser has no session cookie, though it has a password',
    'field: FIELD, allowWithoutCookie: false',
    'field: FIELD',
  ),
  studio('write', 'forms')(
    'operators who fill the store with sessions by looking at it',
    "if ((await sessions.get(request)).handle === null || sessions.policy.transport === 'bearer') return nothing",
    '',
  ),
  on('test/studio/write.test.ts', 'packages/strongroom/src/admin/devices.ts')(
    'all of a user’s sessions ended because the one to keep was mistyped',
    'if (!kept) return null',
    'if (!kept) return (await ability(context, "endAll")(userId)).count',
  ),
  studio('write', 'pages/everybody')(
    'everybody removed by one click',
    'if (phrase.trim().toLowerCase() !== PHRASE) return c.redirect(`${there}?mistyped`, 303)',
    '',
  ),
  studio('guard', 'panels')(
    'the name of a report taken for the report',
    "['rows', 'attacks', 'cells'].every((name) => has(value, name, Array.isArray))",
    'true',
  ),
  studio('serve', 'serve')(
    'a cookie of the studio that other servers of this machine are sent',
    'cookie: { name: production ? `__Secure-${name}` : name, path, secure',
    'cookie: { name: production ? `__Secure-${name}` : name, path: path.slice(0, 1), secure',
  ),
  studio('serve', 'serve')(
    'pages of the studio at a path that everybody knows',
    'if (pathname !== base && !pathname.startsWith(`${base}/`)) return strangerPage()',
    '',
  ),
  studio('serve', 'serve')(
    'a studio that any name reaches which leads to this machine',
    'if (!isOurs(request, taken)) return plain(421, wrongHost(taken))',
    '',
  ),
  studio('serve', 'serve')(
    'a studio that other origins may read',
    'if (origin !== null && origin !== new URL(url).origin) return true',
    '',
  ),
  studio('serve', 'serve')(
    'a link that is used up by a browser which only guesses',
    "if (request.method !== 'GET' || GUESSES.some((name) => request.headers.has(name)))",
    "if (request.method !== 'GET')",
  ),
  studio('serve', 'serve')(
    'a studio that the whole network reaches',
    "const LOOPBACK = '127.0.0.1'",
    "const LOOPBACK = '0.0.0.0'",
  ),
  studio('serve', 'link')(
    'a link that opens the studio as often as one likes',
    'link.used = true\n    return',
    'return',
  ),
  studio('serve', 'link')(
    'a link that stays good for ever',
    "return this.#clock() - link.madeAt > LINK_LIFETIME ? 'expired' : 'good'",
    "return 'good'",
  ),
  studio('pages', 'pages/lab')(
    'an attack that was not run shown as held',
    "const verdict = cell?.verdict ?? 'not run'\n  return html`<td",
    "const verdict = cell?.verdict ?? 'held'\n  return html`<td",
  ),
  studio('pages', 'app')(
    'a theme that leads to another site',
    '(/^\\/[a-z-]*$/.test(from) ? from : ',
    '(from ? from : ',
  ),
  studio('pages', 'pages/overview')(
    'another site that makes the store count',
    'if (isAskedHere(c)) await count.run(TIME_LIMIT)',
    'await count.run(TIME_LIMIT)',
  ),
  studio('charts', 'charts')(
    'a gap in the figures drawn as 0',
    'if (known.length === 0) return null',
    'if (known.length === 0) return 0',
  ),
  on('test/cli/studio.test.ts', 'packages/cli/src/commands/studio.ts')(
    'a read-only studio that writes its own figures to the store',
    '{ calls: false, readOnly: !write }',
    '{ calls: false }',
  ),
  on('test/cli/studio.test.ts', 'packages/cli/src/commands/studio.ts')(
    'a studio whose own store calls are in the history',
    '{ calls: false, readOnly: !write }',
    '{ readOnly: !write }',
  ),
  studio('write', 'pages/user-field')(
    'a form that is about another user, because a browser sends another line break',
    'value="${encodeURIComponent(user)}">`',
    'value="${user}">`',
  ),
  studio('outage', 'pages/failure')(
    'a form that failed, and is offered to be sent again',
    "if (c.req.method === 'GET') return",
    'if (c.req.method) return',
  ),
  studio('pages', 'pages/overview')(
    'deadlines of the studio that are taken for those of the application',
    '${isApplication ? agreed(policy) : nothing}',
    '${agreed(policy)}',
  ),
  on('test/browser/figures.test.ts', 'packages/studio/assets/figures.js')(
    'a chart without a line, because nobody looks every ten seconds',
    'if (step <= longest) all.fill',
    'if (step < usual) all.fill',
  ),
  on('test/browser/figures.test.ts', 'packages/studio/assets/figures.js')(
    'a chart that bridges an hour in which nobody has looked',
    'if (step <= longest) all.fill',
    'if (step > 0) all.fill',
  ),
  on('test/browser/figures.test.ts', 'packages/studio/assets/figures.js')(
    'figures that stand still, and look as if nothing happened',
    'place.hidden = problem === null',
    'place.hidden = true',
  ),
  on('test/cli/studio.test.ts', 'packages/cli/src/commands/studio.ts')(
    'a studio that cannot be stopped without a failure while the store is away',
    '.catch((error) => note(`what was ended here is not in the figures: ${messageOf(error)}`))',
    '',
  ),
  studio('postgres', 'pages/user')(
    'the page of a user that counts the whole store',
    'const place = placeIn(c.req.query())',
    'await board.sessions.stats()\n  const place = placeIn(c.req.query())',
  ),
  studio('devices', 'devices/pages')(
    'a long list of devices without the one that looks at it',
    'return own ? [own, ...newest] : newest',
    'return own ? newest : newest',
  ),
  studio('devices', 'devices/pages')(
    'a form of another site that signs a user out',
    'if (!(await this.#settings.forms.isOwn(request, fields)))',
    'if (!(await this.#settings.forms.isOwn(request, fields)) && fields.own)',
  ),
  studio('devices', 'devices/pages')(
    'a devices page that ends its own device without a logout',
    'if (handle === session.handle) {',
    "if (handle === '') {",
  ),
]
