import { join } from 'node:path'
import { testExample } from '../example.ts'
import { CONFIG } from './application.ts'

testExample('tanstack-start', {
  subpaths: ['strongroom/tanstack-start'],
  build: [join('node_modules', 'vite', 'bin', 'vite.js'), 'build'],
  files: { 'vite.config.js': CONFIG },
  server: `import { createServer } from 'node:http'
    import { readFile } from 'node:fs/promises'
    import { toNodeHandler } from 'srvx/node'
    const { default: entry } = await import('./dist/server/server.js')
    const handle = toNodeHandler(entry.fetch)
    const server = createServer(async (request, response) => {
      if (!request.url.startsWith('/assets/')) return handle(request, response)
      response.setHeader('Content-Type', 'text/javascript')
      response.end(await readFile('dist/client' + request.url))
    })
    server.listen(0, () => console.log('Ready http://localhost:' + server.address().port))`,
})
