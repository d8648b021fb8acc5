import restify from 'restify'
import { socketSite } from './site.ts'
import type { Host } from './suite.ts'

/** In a process of its own: restify changes the responses of all servers in its process. */
export const HOSTS: readonly Host[] = [
  {
    name: 'restify',
    late: 'plain response',
    hangUp: 'saved',
    serve({ middleware, page }) {
      const server = restify.createServer()
      for (const one of middleware) server.use(one as never)
      server.get('/', (request, response, next) => {
        page(request).then((body) => {
          response.sendRaw(200, body)
          next()
        }, next)
      })
      return socketSite(server.server as never)
    },
  },
]
