// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { on } from './mutation.ts'

const FOLDER = 'packages/strongroom/src/adapters'
const next = on('test/frameworks/next.test.ts', `${FOLDER}/next.ts`)
const part = (name: string) => on('test/frameworks/next.test.ts', `${FOLDER}/next/${name}.ts`)
const action = part('action')
const request = part('request')
const cookies = part('set-cookies')
const proxy = part('proxy')
const flash = part('flash')
const flow = part('control-flow')

/** Logins that get lost between Next and its visitors, and sessions that are given to the wrong ones. */
export const nextMutations = [
  next(
    'Next: a layout and a page that load the session twice',
    'if (known) return known()',
    'if (known && sessions === null) return known()',
  ),
  next(
    'Next: a session of a page that can be changed, and is never saved',
    '() => visit.read())\n  return visit.read()',
    '() => visit.get())\n  return visit.get()',
  ),
  next(
    'Next: a protocol that the visitor writes, and that a check for forged requests believes',
    ', encrypted: false }',
    ' }',
  ),
  action('Next: a login that redirect() loses', 'flow ? commit(flow.status) : commit(500)', 'commit(500)'),
  action(
    'Next: an action that could not be saved, and claims to be',
    'await commit(200)',
    'await commit(200).catch(() => undefined)',
  ),
  action('Next: an action that fails, and whose changes are saved', 'commit(500).catch', 'commit(200).catch'),
  action(
    'Next: a layout that does not show what has changed',
    '&& visit.hasSaved) renderAgain()',
    '&& visit.hasSaved) void renderAgain',
  ),
  action(
    'Next: an action within another that has another session',
    'if (!sessions.attach(headers, visit))',
    'if (sessions.attach(headers, visit) === null)',
  ),
  request(
    'Next: a page that shows the session from before the action of its own request',
    "if (now === '' ? before.length === 0 : before.some((value) => decoded(value) === now)) return",
    'if (before.some((value) => decoded(value) === now) || now !== null) return',
  ),
  request(
    'Next: a page for all visitors that asks for the session of one',
    'if (sent.keys().next().done)',
    'if (false)',
  ),
  cookies(
    'Next: an action that is called while a page is rendered, and loses its cookie',
    'if (error === untouched) return\n',
    'if (error) return\n',
  ),
  cookies(
    'Next: other spellings of the cookie, all but one of which stay',
    "' '.repeat(at + 1)",
    "' '.repeat(Math.min(at, 0))",
  ),
  proxy(
    'Next: a visitor who only looks at pages, and is signed out',
    'const session = page ? await extended(visit) : null',
    'const session = page && names.length > 0 ? await extended(visit) : null',
  ),
  proxy(
    'Next: a page that sees the cookie from before the proxy',
    'if (!goesOn(copy) || (setCookie === null && !messages)) return copy',
    'if (!goesOn(copy) || !messages) return copy',
  ),
  proxy(
    'Next: a flash message that is lost by what the browser fetches ahead',
    "return method === 'GET' && isPage && !",
    "return (method === 'GET' && isPage) || !",
  ),
  proxy(
    'Next: a page for all visitors that no cache may keep',
    'if (!isOurs && setCookie === null',
    'if (!isOurs && setCookie === undefined',
  ),
  part('guard')(
    'Next: a protected page that is open under another spelling of its path',
    'return decodeURIComponent(path)',
    'return path',
  ),
  part('guard')('Next: a form that is posted to the page to sign in', 'isRead(request) ? 307 : 303', '307'),
  flash(
    'Next: a flash message that is shown to another visitor',
    '`${policy.cookieName}=`).join()',
    '`${policy.cookieName}=`).length > 9',
  ),
  flash(
    'Next: flash messages that are lost because they are long',
    'else for (const message of messages) session.flash(name, message)',
    '',
  ),
  part('forward')(
    'Next: headers of the application that the proxy loses',
    'const own = headers.get(OVERRIDE)',
    'const own = null as string | null',
  ),
  flow(
    'Next: a form that is posted again to where a route handler redirects',
    'isForm(request) ? 303 : status',
    'isForm(request) ? status : status',
  ),
  flow('Next: a redirect to an address that is cut off', "parts.slice(2, -2).join(';')", "parts[2] ?? ''"),
]
