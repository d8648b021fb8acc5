import { createCsrfMiddleware, createMiddleware, createStart } from '@tanstack/react-start'
import { withErrorStatus } from 'strongroom/tanstack-start'

const errorStatus = createMiddleware({ type: 'function' }).server(withErrorStatus)
const csrf = createCsrfMiddleware({ filter: ({ handlerType }) => handlerType === 'serverFn' })

export const startInstance = createStart(() => ({
  requestMiddleware: [csrf],
  functionMiddleware: [errorStatus],
}))
