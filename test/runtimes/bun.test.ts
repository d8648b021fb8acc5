import { binaryOf } from './binary.ts'
import { runtimeSuite } from './runtime.ts'
import { bun } from './table.ts'

await runtimeSuite(bun, [binaryOf('@oven/bun-*/bin/bun*', 'bun/bin/bun.exe')])
