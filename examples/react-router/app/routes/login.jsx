import { data, Form, redirect } from 'react-router'
import { sessions } from '../sessions.server'

export async function action({ request, context }) {
  const form = await request.formData()
  const user = String(form.get('user'))
  // Instead of a check of the password.
  if (user === '') return data({ error: 'Who are you?' }, 422)
  const session = await sessions.get(context)
  session.login(user)
  session.flash('notice', `Welcome, ${user}!`)
  return redirect('/')
}

export default function Login({ actionData }) {
  return (
    <Form method="post">
      <label>
        Name <input name="user" />
      </label>{' '}
      <button type="submit">Sign in</button> {actionData?.error}
    </Form>
  )
}
