import { HOSTS } from './connect.ts'
import { hostSuite } from './suite.ts'

hostSuite(HOSTS)
