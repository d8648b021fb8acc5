import type { Handle } from '@sveltejs/kit/hooks'
import { strongroom } from 'strongroom/sveltekit'
import { sessions } from './sessions.server.ts'

export const handle: Handle = strongroom(sessions)
