import { binaryOf } from './binary.ts'
import { runtimeSuite } from './runtime.ts'
import { deno } from './table.ts'

await runtimeSuite(deno, [binaryOf('@deno/*/deno*', 'deno/deno'), 'run', '--allow-all', '--node-modules-dir=manual'])
