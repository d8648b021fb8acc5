/**
 * A page that warns before its session ends for lack of use, and extends it for a visitor who is still there.
 *
 *     npm install strongroom && node idle-warning.ts
 */
import { createServer } from 'node:http'
import { createSessions } from 'strongroom'
import { withSessions } from 'strongroom/node'

const sessions = createSessions({ store: 'memory:', secrets: process.env.STRONGROOM_SECRETS, preset: 'owasp' })

/** Runs in the browser. */
const SCRIPT = `
const WARNING = 2 * 60_000
const dialog = document.querySelector('dialog')
let timer

async function check() {
  const response = await fetch('/session', { cache: 'no-store' }).catch(() => null)
  // Offline, or the store is down: nobody knows, so nothing is said.
  if (!response?.ok) return checkIn(10_000)
  const left = await response.json()
  // What was on the page is not for anyone who sits down in front of it now.
  if (left === null) return location.replace('/')
  const isNear = left.expiresIn <= WARNING
  if (isNear) {
    const minutes = Math.ceil(left.expiresIn / 60_000)
    document.querySelector('output').textContent = minutes === 1 ? 'within a minute' : 'in ' + minutes + ' minutes'
    document.querySelector('#stay').hidden = !left.canExtend
    if (!dialog.open) dialog.showModal()
  } else dialog.close()
  checkIn(isNear ? Math.min(left.expiresIn, 10_000) : left.expiresIn - WARNING)
}

function checkIn(ms) {
  clearTimeout(timer)
  timer = setTimeout(check, ms + 100)
}

document.querySelector('#stay').addEventListener('click', async () => {
  await fetch('/session', { method: 'POST' }).catch(() => null)
  check()
})
// A machine that slept, and a page that the back button has brought back, have missed their timers.
document.addEventListener('visibilitychange', () => { if (!document.hidden) check() })
addEventListener('pageshow', check)
`

const page = (user: string | null) => `<!doctype html><html lang="en"><title>Accounts</title>
${
  user === null
    ? '<form method="post" action="/login"><button>Sign in</button></form>'
    : `<h1>The accounts of ${user}</h1>
<dialog aria-labelledby="warning">
  <p id="warning">You will be signed out <output></output>.</p>
  <form method="post" action="/logout"><button type="button" id="stay" autofocus>Stay signed in</button> <button>Sign out</button></form>
</dialog>
<script>${SCRIPT}</script>`
}</html>`

const server = createServer(
  withSessions(sessions, async (request, response) => {
    const { method, url } = request
    if (url === '/session' && method === 'GET') {
      // Only looks: a page that asks must not keep the session alive by asking.
      const left = await sessions.peek(request)
      response.setHeader('Content-Type', 'application/json').setHeader('Cache-Control', 'no-store')
      response.end(JSON.stringify(left))
      return
    }
    // As every page does, this extends the session.
    const session = await sessions.get(request)
    if (url === '/session' && method === 'POST') return response.writeHead(204).end()
    if (method === 'POST') {
      if (url === '/login') session.login('ada')
      else session.logout()
      return response.writeHead(303, { Location: '/' }).end()
    }
    response.setHeader('Content-Type', 'text/html; charset=utf-8').setHeader('Cache-Control', 'no-store')
    response.end(page(session.userId))
  }),
)

server.listen(3000)

/* try
GET /session: 200 null
POST /login: 303
GET /session: 200 /"expiresIn":(?:9|89)\d+,/
POST /session: 204
POST /logout: 303
GET /session: 200 null
*/
