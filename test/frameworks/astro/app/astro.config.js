import node from '@astrojs/node'
import { defineConfig, memoryCache } from 'astro/config'

export default defineConfig({
  output: 'server',
  adapter: node({ mode: 'middleware' }),
  // Its own check comes before every middleware, and these tests are about ours.
  security: { checkOrigin: false },
  // It drops headers for a CDN, which the adapter suite looks at.
  ...(process.env.WITH_CACHE && { cache: { provider: memoryCache() } }),
  devToolbar: { enabled: false },
})
