import { csrf, withSessions } from 'strongroom/next'
import { sessions } from '../../lib/sessions'

const check = csrf(sessions)

export const GET = withSessions(sessions, async (request) => {
  const session = await sessions.get(request)
  return Response.json({ visits: session.get('visits') ?? 0 })
})

export const POST = withSessions(sessions, async (request) => {
  await check(request)
  const session = await sessions.get(request)
  return Response.json({ visits: session.update('visits', (visits = 0) => visits + 1) })
})
