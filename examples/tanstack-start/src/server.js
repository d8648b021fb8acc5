import handler, { createServerEntry } from '@tanstack/react-start/server-entry'
import { withSessions } from 'strongroom/tanstack-start'
import { sessions } from './sessions.server'

export default createServerEntry({ fetch: withSessions(sessions, handler.fetch) })
