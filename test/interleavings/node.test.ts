import { onOneNode } from './checker/places.ts'
import { sweep } from './checker/sweep.ts'

sweep({ title: 'on one node, to which answers come late', open: onOneNode, every: [199, 101, 16], answers: true })
