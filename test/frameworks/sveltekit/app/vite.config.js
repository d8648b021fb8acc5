import adapter from '@sveltejs/adapter-node'
import { sveltekit } from '@sveltejs/kit/vite'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [
    sveltekit({
      adapter: adapter({ precompress: false }),
      compilerOptions: { experimental: { async: true } },
      // Its own check comes before every hook, and these tests are about ours.
      csrf: { trustedOrigins: ['*'] },
      experimental: { remoteFunctions: true },
    }),
  ],
})
