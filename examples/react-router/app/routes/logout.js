import { redirect } from 'react-router'
import { sessions } from '../sessions.server'

export async function action({ context }) {
  const session = await sessions.get(context)
  session.logout()
  return redirect('/')
}
