import { nestSuite } from './suite.ts'

nestSuite('nest 12')
