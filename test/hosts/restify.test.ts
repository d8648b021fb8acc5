import { HOSTS } from './restify.ts'
import { hostSuite } from './suite.ts'

hostSuite(HOSTS)
