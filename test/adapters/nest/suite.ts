import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { All, Req, Res } from '@nestjs/common'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { StrongroomModule } from '../../../packages/strongroom/src/adapters/nest.ts'
import { adapterSuite, type StartServer, type SuiteResponse } from '../../../packages/strongroom/src/testing/index.ts'
import { send } from '../serve.ts'
import { adapterOf, controller, createApp, listen, moduleOf, PLATFORMS, type Platform, type Reply } from './site.ts'

const starterOn =
  (platform: Platform, makeAdapter = () => adapterOf(platform)): StartServer =>
  async (sessions, application, protection) => {
    const handler = {
      decorators: [All('*')],
      parameters: [Req(), Res()],
      async run(request: IncomingMessage & { body?: Record<string, unknown> }, response: object) {
        const answer = await application({ request, url: request.url ?? '', field: (name) => request.body?.[name] })
        await (platform === 'Express' ? send(response as ServerResponse, answer) : reply(response as Reply, answer))
      },
    }
    const root = moduleOf({
      imports: [StrongroomModule.forRoot({ sessions, ...(protection && { csrf: protection }) })],
      controllers: [controller([handler])],
    })
    const app = await createApp(root, makeAdapter())
    // Express makes an ETag for the error page, too, and the suite looks for the one of the page that failed.
    if (platform === 'Express') app.getHttpAdapter().getInstance().set('etag', false)
    return listen(app)
  }

/** Sends a response of the suite's application with Fastify. */
function reply(response: Reply, { status, headers, body }: SuiteResponse): void {
  response.code(status)
  const names = new Map(headers.map(([name]) => [name.toLowerCase(), name]))
  for (const [lower, name] of names) {
    const lines = headers.filter(([each]) => each.toLowerCase() === lower).map(([, value]) => value)
    response.header(name, lines.length === 1 ? lines[0] : lines)
  }
  const isStream = body !== null && typeof body === 'object' && !(body instanceof Uint8Array)
  response.send(isStream ? Readable.from(body, { objectMode: false }) : (body ?? undefined))
}

/** The adapter's suite on both platforms of the Nest that this process has. */
export function nestSuite(version: string): void {
  for (const platform of PLATFORMS) adapterSuite(`${version} on ${platform}`, starterOn(platform))
  const overHttp2 = () => new FastifyAdapter({ http2: true } as object)
  adapterSuite(`${version} on Fastify over HTTP/2`, starterOn('Fastify', overHttp2))
}
