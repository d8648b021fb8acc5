import { oneByOne } from './checker/places.ts'
import { sweep } from './checker/sweep.ts'

sweep({ title: 'where an index is read first', open: oneByOne, every: [79, 41, 6] })
