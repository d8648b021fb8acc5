import { join } from 'node:path'
import { testExample } from '../example.ts'

testExample('react-router', {
  subpaths: ['strongroom/react-router'],
  build: [join('node_modules', '@react-router', 'dev', 'bin.cjs'), 'build'],
  borrowed: ['@react-router/express', 'express'],
  server: `import { createRequestHandler } from '@react-router/express'
    import express from 'express'
    const app = express().use(express.static('build/client'))
    app.all('/{*splat}', createRequestHandler({ build: await import('./build/server/index.js') }))
    const server = app.listen(0, () => console.log('Ready http://localhost:' + server.address().port))`,
})
