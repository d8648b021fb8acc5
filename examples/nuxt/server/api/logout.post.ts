export default defineEventHandler(async (event) => {
  const session = await sessions.get(event)
  session.logout()
  return sendRedirect(event, '/', 303)
})
