// Not UTC, to show that the time zone does not matter.
process.env.TZ = 'Asia/Kathmandu'

import './conformance/data.ts'
import './conformance/expiry.ts'
import './conformance/engine.ts'
import './conformance/middleware.ts'
import './conformance/auth.ts'
import './conformance/cookies.ts'
import './conformance/signing.ts'
import './conformance/untested.ts'
import { DIFFERENCES } from './conformance/differences.ts'
import { conform } from './conformance/property.ts'

conform(DIFFERENCES)
