import { inMemory } from './checker/places.ts'
import { sweep } from './checker/sweep.ts'

sweep({ title: 'in memory', open: inMemory, every: [20, 1] })
