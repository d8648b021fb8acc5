import { inCookies } from './checker/places.ts'
import { sweep } from './checker/sweep.ts'

sweep({ title: 'in cookies, with revocations', open: inCookies, every: [79, 73, 12], without: /"revoke"|limit/ })
