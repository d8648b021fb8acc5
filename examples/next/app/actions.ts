'use server'

import { redirect } from 'next/navigation'
import { action } from 'strongroom/next'
import { sessions } from '../lib/sessions'

export const visit = action(sessions, async (session) => {
  session.update('visits', (visits = 0) => visits + 1)
})

export const login = action(sessions, async (session, form: FormData) => {
  const name = String(form.get('name'))
  // Check the password here.
  session.login(name) // the visitor's data becomes the user's
  session.flash('note', `Welcome, ${name}.`)
  redirect('/')
})

export const logout = action(sessions, async (session) => {
  session.logout()
  redirect('/')
})

export const endDevice = action(sessions, async (session, handle: string) => {
  // Anybody can call an action: the proxy has not checked this one.
  if (session.userId === null) redirect('/login')
  await sessions.of(session.userId).revoke(handle)
  session.flash('note', 'That device was signed out.')
  redirect('/account')
})
