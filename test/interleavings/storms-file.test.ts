import { embedded } from '../fault-injection/environments/embedded.ts'
import { storms } from './checker/storms.ts'

storms(embedded.filter(({ name }) => name === 'file'))
