import { after, before } from 'node:test'
import type { APIContext } from 'astro'
import { csrf, strongroom } from '../../../packages/strongroom/src/adapters/astro.ts'
import { adapterSuite } from '../../../packages/strongroom/src/testing/index.ts'
import { toResponse } from '../../adapters/serve.ts'
import { type Built, built } from './built.ts'

let app: Built
before(async () => {
  app = await built(`${import.meta.dirname}/app`)
})
after(() => app.remove())

adapterSuite('astro', async (sessions, application, protection) =>
  app.serve({
    middleware: [strongroom(sessions), ...(protection ? [csrf(sessions, protection)] : [])],
    async respond(context: APIContext) {
      const { request, url } = context
      const field = async (name: string) => (await request.formData()).get(name)
      return toResponse(await application({ request: context, url: url.href, field }))
    },
  }),
)
