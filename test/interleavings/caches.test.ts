import { onTwoCaches } from './checker/places.ts'
import { sweep } from './checker/sweep.ts'

sweep({ title: 'on two nodes with caches of their own', open: onTwoCaches, every: [200, 12] })
