// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources

import { type Mutation, on } from './mutation.ts'

const suite = (name: string) => `test/frameworks/${name}.test.ts`
const reactRouter = (name: string) =>
  on(suite(`react-router/${name}`), 'packages/strongroom/src/adapters/react-router.ts')
const start = on(suite('tanstack-start/functions'), 'packages/strongroom/src/adapters/tanstack-start.ts')

/** React Router and TanStack Start, which decide what becomes of an error. */
export const reactFrameworkMutations: readonly Mutation[] = [
  reactRouter('responses')(
    'a React Router context for all requests, which gives a visitor the session of another',
    'if (before !== undefined && before !== request)',
    'if (before === null)',
  ),
  reactRouter('responses')(
    'an inner strongroom() of React Router that saves too early',
    '      unsaved.delete(context)\n',
    '',
  ),
  reactRouter('responses')(
    'a strongroom() of React Router that begins a second visit below withSessions()',
    'sessions.attach(context, visit, request)',
    'sessions.attach(context, visit)',
  ),
  reactRouter('failures')(
    'a React Router page that a cache may keep, although its session could not be saved',
    'used: true, noStore: true',
    'used: true',
  ),
  reactRouter('failures')(
    'an error page of React Router without the cookies of other middleware',
    "page.headers.append('Set-Cookie', line)",
    'if (line === null) page.headers.delete(line)',
  ),
  reactRouter('failures')(
    'a React Router page that claims success, although its session could not be saved',
    'throw errorResponse(error)',
    'return response',
  ),
  reactRouter('failures')(
    'a resource route of React Router that loses the cookie of what was saved',
    'if (opened.failed) return errorPage(opened, opened.failed.error.getResponse())\n',
    '\n',
  ),
  reactRouter('failures')(
    'a logout that an error of other middleware of React Router undoes',
    'await commitLogout(visit)\n        throw',
    'throw',
  ),
  reactRouter('failures')(
    'an error of the save that handleError of React Router does not get',
    "'error', { value: error }",
    "'cause', { value: error }",
  ),
  on(suite('react-router/failures'), 'packages/strongroom/src/errors.ts')(
    'an outage that React Router takes for a fault of the application',
    'get internal(): boolean {\n    return false',
    'get internal(): null {\n    return null',
  ),
  reactRouter('prerender')(
    'a page that React Router prerenders with the session of nobody',
    'if (isPrerendered && used)',
    'if (isPrerendered && used === null)',
  ),
  reactRouter('mistakes')(
    'middleware of React Router that a browser runs without a word',
    "if (typeof (response as Response | undefined)?.status === 'number') return response as Response",
    "if (typeof response === 'object') return response as Response",
  ),
  start(
    'a server function of TanStack Start that has thrown, and is saved',
    'failures.set(request, statusOf(error))',
    'statusOf(error)',
  ),
  start(
    'a server function of TanStack Start that fails with one that it has called',
    'pathname.endsWith(`/${serverFnMeta.id}`)',
    "pathname.startsWith('/_serverFn/')",
  ),
  start('a redirect of TanStack Start that is taken for a failure', 'error instanceof Response || ', ''),
  start('a page of TanStack Start that is not found, taken for a failure', ' || isNotFound(error)', ''),
  start(
    'a message for developers that TanStack Start sends to browsers',
    'throw error instanceof StrongroomError ?',
    'throw request && error instanceof StrongroomError ?',
  ),
  start(
    'a server function of TanStack Start without the middleware that notices its failure',
    '      checkWatched(request, response)\n',
    '',
  ),
  start(
    'a server function of TanStack Start whose error has no say in its status',
    'status >= 400 && status < 600 ? status : 500',
    'status === 599 ? status : 500',
  ),
]
