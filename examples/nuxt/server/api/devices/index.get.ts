export default defineEventHandler(async (event) => {
  const session = await sessions.get(event)
  if (!session.userId) throw createError({ statusCode: 401, message: 'Please sign in.' })
  return sessions.of(session.userId).list(session)
})
