export default defineEventHandler(async (event) => {
  const session = await sessions.get(event)
  return {
    user: session.userId,
    visits: session.update('visits', (visits = 0) => visits + 1),
    notices: session.flash('notice'),
  }
})
