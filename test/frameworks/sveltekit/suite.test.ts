import { after, before } from 'node:test'
import type { RequestEvent } from '@sveltejs/kit'
import { csrf, strongroom } from '../../../packages/strongroom/src/adapters/sveltekit.ts'
import { adapterSuite } from '../../../packages/strongroom/src/testing/index.ts'
import { toResponse } from '../../adapters/serve.ts'
import { type Built, built } from './built.ts'

let app: Built
before(async () => {
  app = await built(`${import.meta.dirname}/app`)
})
after(() => app.remove())

adapterSuite('sveltekit', async (sessions, application, protection) =>
  app.serve({
    handles: [strongroom(sessions), ...(protection ? [csrf(sessions, protection)] : [])],
    async respond(event: RequestEvent) {
      const { request, url } = event
      const field = async (name: string) => (await request.formData()).get(name)
      return toResponse(await application({ request: event, url: url.href, field }))
    },
  }),
)
