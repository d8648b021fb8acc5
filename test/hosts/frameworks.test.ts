import { HOSTS } from './frameworks.ts'
import { hostSuite } from './suite.ts'

hostSuite(HOSTS)
