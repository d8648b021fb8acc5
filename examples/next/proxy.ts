import { strongroom } from 'strongroom/next'
import { sessions } from './lib/sessions'

export const proxy = strongroom(sessions, { signedIn: ['/account'], signIn: '/login', flash: ['note'] })

export const config = { matcher: ['/((?!_next/|favicon.ico).*)'] }
