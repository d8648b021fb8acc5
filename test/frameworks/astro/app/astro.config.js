import node from '@astrojs/node'
import { defineConfig } from 'astro/config'

export default defineConfig({
  output: 'server',
  adapter: node({ mode: 'middleware' }),
  // Its own check comes before every middleware, and these tests are about ours.
  security: { checkOrigin: false },
  devToolbar: { enabled: false },
})
