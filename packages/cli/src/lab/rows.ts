import { ourRows } from './ours.ts'
import { djangoRows } from './peers/django/rows.ts'
import { peerRows } from './peers/rows.ts'
import type { Row } from './site.ts'

/** Every row of the matrix: ours, then other libraries. */
export const allRows = (): Row[] => [...ourRows(), ...peerRows(), ...djangoRows()]
