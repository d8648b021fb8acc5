import { HOSTS } from './stand-ins.ts'
import { hostSuite } from './suite.ts'

hostSuite(HOSTS)
