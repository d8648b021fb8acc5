import { EMBEDDED } from './checker/engines.ts'
import { onEngine } from './checker/on-engine.ts'

for (const engine of EMBEDDED) onEngine(engine)
