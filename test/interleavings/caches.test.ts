import { onTwoCaches } from './checker/places.ts'
import { sweep } from './checker/sweep.ts'

// A request takes many more steps here, and most orders of them lead to a state that another order has led to.
sweep({
  title: 'on two nodes with caches of their own',
  open: onTwoCaches,
  every: [199, 197, 100],
  most: [40, 60, 200],
})
