import { createServer, type RequestListener } from 'node:http'
import { after, before, suite } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import type { CsrfOptions } from '../../../packages/strongroom/src/http/csrf.ts'
import type { BaseSessions } from '../../../packages/strongroom/src/sessions.ts'
import { adapterSuite, type SuiteApplication } from '../../../packages/strongroom/src/testing/index.ts'
import { listening, toResponse } from '../../adapters/serve.ts'
import { type NuxtProject, nuxtProject } from './project.ts'

interface Running {
  readonly sessions: BaseSessions<Record<string, unknown>>
  readonly application: SuiteApplication
  readonly protection: CsrfOptions | null
}

/** What a preset of Nitro that is not Node's calls. */
type LocalFetch = (path: string, init: object) => Promise<Response>

/** Where the built application finds its sessions, which are others in each conversation. */
const shared: { running: Running | null; localFetch: LocalFetch | null; readonly toResponse: typeof toResponse } = {
  running: null,
  localFetch: null,
  toResponse,
}

suite('Nuxt 4, built', { timeout: 300_000 }, () => {
  let project: NuxtProject
  let listener: RequestListener
  before(async () => {
    Object.assign(globalThis, { suiteOfNuxt: shared })
    console.error = () => {}
    project = nuxtProject()
    project.write('server/plugins/session.ts', PLUGIN)
    project.write('server/middleware/suite.ts', MIDDLEWARE)
    project.write('app/app.vue', '<template><p>A page of Nuxt.</p></template>')
    project.build('node')
    ;({ listener } = (await project.load()) as { listener: RequestListener })
  })
  after(() => project.remove())

  adapterSuite('Nuxt on Node', async (sessions, application, protection) => {
    shared.running = { sessions, application, protection }
    return listening(createServer((request, response) => listener(request, response)))
  })

  adapterSuite('Nuxt on other platforms', async (sessions, application, protection) => {
    shared.running = { sessions, application, protection }
    return listening(createServer(getRequestListener(fetchLocally)))
  })
})

/** As the presets for Bun, Deno and Cloudflare do. */
async function fetchLocally(request: Request): Promise<Response> {
  const { pathname, search, hostname, protocol, port } = new URL(request.url)
  const { method, headers } = request
  const body = request.body ? Buffer.from(await request.arrayBuffer()) : undefined
  const host = port ? `${hostname}:${port}` : hostname
  return (shared.localFetch as LocalFetch)(pathname + search, { host, protocol, headers, method, body })
}

const PLUGIN = `
import { strongroom } from 'strongroom/h3'

const shared = globalThis.suiteOfNuxt
// Each call is one of the sessions that are there by then; what is no call is asked for in requests alone.
const sessions = new Proxy({}, {
  get: (_, name) =>
    name === 'ownRequests' ? shared.running.sessions[name] : (...args) => shared.running.sessions[name](...args),
})
const plugin = strongroom(sessions)

export default defineNitroPlugin((nitroApp) => {
  shared.localFetch = nitroApp.localFetch
  plugin(nitroApp)
})
`

const MIDDLEWARE = `
import { csrf } from 'strongroom/h3'

const shared = globalThis.suiteOfNuxt

export default defineEventHandler(async (event) => {
  if (event.path.startsWith('/__nuxt_error')) return
  const { sessions, application, protection } = shared.running
  if (protection) await csrf(sessions, protection)(event)
  const field = async (name) => (await readFormData(event)).get(name)
  return shared.toResponse(await application({ request: event, url: event.path, field }))
})
`
