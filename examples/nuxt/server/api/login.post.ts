export default defineEventHandler(async (event) => {
  const { user } = await readBody<{ user: string }>(event)
  const session = await sessions.get(event)
  session.login(user) // check the password first
  session.flash('notice', `Welcome, ${user}!`)
  return sendRedirect(event, '/', 303)
})
