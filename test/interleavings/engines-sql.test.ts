import { SQL } from './checker/engines.ts'
import { onEngine } from './checker/on-engine.ts'

for (const engine of SQL) onEngine(engine)
