import { errorSuites } from './errors.ts'
import { handlerSuites } from './handlers.ts'
import { moduleSuites } from './modules.ts'

handlerSuites('nest 12')
errorSuites('nest 12')
moduleSuites('nest 12')
