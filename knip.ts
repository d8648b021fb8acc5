import type { KnipConfig } from 'knip'

export default {
  workspaces: {
    '.': {
      entry: [
        'scripts/*.{ts,mjs}',
        'test/**/*.test.ts',
        // Only compiled; and run once for each format.
        'test/types/*.ts',
        'test/golden/make.ts',
        'test/golden/make-forward.ts',
        // Started by name as processes of their own, to be killed.
        'test/{fault-injection,interleavings}/children/*.ts',
        'test/lab/peer-site.ts',
        'test/ws/child.ts',
        'test/runtimes/{program,worker-program,worker-client,collect}.ts',
        // Copied into applications that the tests build.
        'test/frameworks/*/{types,site}.ts',
        // Preloaded by name: the first in a test, the second by scripts/test.ts.
        'test/core/fixtures/without-*.ts',
        // Bundled by name for other runtimes; `collect.ts` takes the place of node:test there.
        'test/runtimes/{collect,program,worker-client,worker-program}.ts',
        'test/support/file-limit.ts',
        'bench/*.ts',
        'demo/*.ts',
        'examples/**/*.{ts,mjs,cjs}',
      ],
      project: ['{scripts,test,bench,demo,examples}/**/*.{ts,mjs}'],
      // The first two are called by name in scripts/pack-check.ts, the third is required by name, and the others are what the tests of
      // bundlers and the documentation's samples use in projects of their own.
      ignoreDependencies: [
        '@arethetypeswrong/cli',
        'publint',
        'libsql',
        'connect-mongo',
        'jest',
        'vitest',
        'wrangler',
        // Of the examples and applications that test/frameworks builds, and runtimes that are started by their path.
        '@react-router/dev',
        '@react-router/express',
        '@react-router/node',
        '@react-router/serve',
        'bun',
        'deno',
        'isbot',
        'nuxt',
      ],
      // `prisma generate` writes it, in the copy that test/databases makes.
      ignoreUnresolved: ['./generated/client.ts'],
    },
    // Imported by name in the configuration that site/build.ts writes; typedoc loads its plugin by name.
    site: {
      entry: ['config.ts', 'theme/index.ts'],
      project: ['*.ts', 'theme/*.ts'],
      ignoreDependencies: ['typedoc-plugin-markdown'],
    },
    // Their entry points are what their package.json exports.
    'packages/*': { project: ['src/**/*.ts'] },
    // Its chart library is sent to browsers as it is, and found by name.
    'packages/studio': { project: ['src/**/*.ts'], ignoreDependencies: ['uplot'] },
    // Drivers and frameworks are optional peers, which this repository has for its tests.
    'packages/strongroom': {
      // Named in package.json, under "browser".
      entry: ['src/adapters/next/only-on-servers.ts'],
      project: ['src/**/*.ts'],
      ignoreDependencies: [
        '@nestjs/common',
        '@nestjs/core',
        '@opentelemetry/api',
        '@types/express-session',
        'elysia',
        'express',
        'fastify',
        'hono',
        'ioredis',
        'iron-session',
        'jose',
        'koa',
        'mysql2',
        'next',
        'pg',
        'react-router',
        'redis',
        'structured-headers',
      ],
    },
  },
  // Types that stand in the signature of something exported must be nameable, even when nobody here names them.
  ignoreExportsUsedInFile: { interface: true, type: true },
  ignoreBinaries: ['apt-cache', 'apt-get', 'ss', 'taskset', 'mount', 'umount'],
} satisfies KnipConfig
