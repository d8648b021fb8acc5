import { inMemory } from './checker/places.ts'
import { sweep } from './checker/sweep.ts'

sweep({
  title: 'in memory',
  open: inMemory,
  clients: ['two'],
  every: [40, 1],
  most: [40, 2000],
  parts: { of: 2, here: [1, 2] },
})
