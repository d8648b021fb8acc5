import { renewedByTime } from './checker/places.ts'
import { sweep } from './checker/sweep.ts'

sweep({ title: 'where tokens are renewed by time', open: renewedByTime, clients: ['renewed'], every: [7, 13, 2] })
