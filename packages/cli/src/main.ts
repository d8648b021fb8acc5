#!/usr/bin/env node
import { run } from './run.ts'

// Explicit, for a config may hold connections that would keep the process alive.
process.exit(await run(process.argv.slice(2)))
