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
        // Started by name as processes of their own, to be killed.
        'test/{fault-injection,interleavings}/children/*.ts',
        'test/lab/peer-site.ts',
        // Preloaded by name: the first in a test, the second by scripts/test.ts.
        'test/core/fixtures/without-*.ts',
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
        'next',
        'react',
        'react-dom',
        'vitest',
        'wrangler',
      ],
    },
    // Their entry points are what their package.json exports.
    'packages/*': { project: ['src/**/*.ts'] },
    // Its chart library is sent to browsers as it is, and found by name.
    'packages/studio': { project: ['src/**/*.ts'], ignoreDependencies: ['uplot'] },
    // Drivers and frameworks are optional peers, which this repository has for its tests.
    'packages/strongroom': {
      project: ['src/**/*.ts'],
      ignoreDependencies: [
        '@types/express-session',
        'express',
        'hono',
        'ioredis',
        'iron-session',
        'mysql2',
        'pg',
        'redis',
      ],
    },
  },
  // Types that stand in the signature of something exported must be nameable, even when nobody here names them.
  ignoreExportsUsedInFile: { interface: true, type: true },
  ignoreBinaries: ['apt-cache', 'apt-get', 'ss', 'taskset', 'mount', 'umount'],
} satisfies KnipConfig
