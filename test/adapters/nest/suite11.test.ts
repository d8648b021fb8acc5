import { useNest11 } from './version.ts'

useNest11()
const { nestSuite } = await import('./suite.ts')
nestSuite('nest 11')
