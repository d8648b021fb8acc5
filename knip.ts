import { readFileSync } from 'node:fs'
import type { KnipConfig } from 'knip'

const { exports, bin } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'))
const published = Object.values<string>({ ...exports, ...bin })
  .filter((file) => file.startsWith('./dist/'))
  .map((file) => file.replace('./dist/', 'src/').replace(/\.js$/, '.ts'))

export default {
  entry: [
    ...published,
    'scripts/*.{ts,mjs}',
    'test/**/*.test.ts',
    // Only compiled; and run once for each format.
    'test/types/*.ts',
    'test/golden/make.ts',
    // Started by name as processes of their own, to be killed.
    'test/breaking/children/*.ts',
    'bench/*.ts',
    'demo/*.ts',
    'examples/**/*.{ts,mjs,cjs}',
  ],
  project: ['{src,scripts,test,bench,demo,examples}/**/*.{ts,mjs}'],
  // Types that stand in the signature of something exported must be nameable, even when nobody here names them.
  ignoreExportsUsedInFile: { interface: true, type: true },
  ignoreBinaries: ['apt-cache', 'apt-get', 'ss', 'taskset', 'mount', 'umount'],
  // The first two are called by name in scripts/pack-check.ts; the others are required by name, in a test and in the benchmark.
  ignoreDependencies: ['@arethetypeswrong/cli', 'publint', 'libsql', 'express-mysql-session'],
} satisfies KnipConfig
