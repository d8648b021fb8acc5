import { afterRotation } from './checker/places.ts'
import { sweep } from './checker/sweep.ts'

sweep({ title: 'after a rotation of secrets', open: afterRotation, every: [199, 101, 16] })
