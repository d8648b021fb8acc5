import { type Actions, fail, redirect, type ServerLoad } from '@sveltejs/kit'
import { sessions } from '../sessions.server.ts'

export const load: ServerLoad = async ({ locals }) => {
  const session = await locals.session
  const visits = session.update('visits', (visits = 0) => visits + 1)
  const devices = session.userId === null ? [] : await sessions.of(session.userId).list(session)
  return { visits, user: session.userId, devices }
}

export const actions: Actions = {
  async login({ locals, request }) {
    const form = await request.formData()
    const name = String(form.get('name') ?? '')
    if (name === '') return fail(400, { message: 'Who are you?' })
    const session = await locals.session
    session.login(name) // after the password was checked
    redirect(303, '/')
  },

  async logout({ locals }) {
    const session = await locals.session
    session.logout()
    redirect(303, '/')
  },

  async end(event) {
    // Asks the store itself: who was logged out a moment ago must not end anything.
    const session = await sessions.get(event, { fresh: true })
    if (session.userId === null) return fail(401, { message: 'Sign in first.' })
    const form = await event.request.formData()
    const ended = await sessions.of(session.userId).revoke(String(form.get('handle')))
    if (!ended) return fail(404, { message: 'That device is gone already.' })
    redirect(303, '/')
  },
}
