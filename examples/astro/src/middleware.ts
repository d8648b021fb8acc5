import { strongroom } from 'strongroom/astro'
import { sessions } from './sessions.ts'

export const onRequest = strongroom(sessions)
