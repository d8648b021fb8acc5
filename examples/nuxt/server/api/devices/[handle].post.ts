export default defineEventHandler(async (event) => {
  const session = await sessions.get(event)
  if (!session.userId) throw createError({ statusCode: 401, message: 'Please sign in.' })
  await sessions.of(session.userId).revoke(getRouterParam(event, 'handle') ?? '')
  return sendRedirect(event, '/devices', 303)
})
