import { inMemory } from './checker/places.ts'
import { sweep } from './checker/sweep.ts'

const parts = { of: 4, here: [3, 4] }
sweep({ title: 'in memory', open: inMemory, clients: ['two'], every: [41, 13, 1], parts })
