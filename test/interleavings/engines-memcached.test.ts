import { onMemcachedCaches } from './checker/engines.ts'
import { onEngine } from './checker/on-engine.ts'

onEngine(onMemcachedCaches)
