import { useNest11 } from './version.ts'

useNest11()
const { handlerSuites } = await import('./handlers.ts')
const { errorSuites } = await import('./errors.ts')
const { moduleSuites } = await import('./modules.ts')
handlerSuites('nest 11')
errorSuites('nest 11')
moduleSuites('nest 11')
