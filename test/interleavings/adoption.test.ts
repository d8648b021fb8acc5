import { adopting } from './checker/places.ts'
import { sweep } from './checker/sweep.ts'

sweep({
  title: 'while sessions are adopted',
  open: adopting,
  clients: ['adopted'],
  every: [12, 7, 1],
  most: [40, 100, 200],
})
