import { Form, redirect } from 'react-router'
import { sessions } from '../sessions.server'
import { requireUser, userContext } from '../user.server'

export const middleware = [requireUser]

export async function loader({ context }) {
  const session = await sessions.get(context)
  return sessions.of(context.get(userContext)).list(session)
}

export async function action({ request, context }) {
  const form = await request.formData()
  // Asks the store itself: a session that was ended a moment ago must not end others.
  const session = await sessions.get(context, { fresh: true })
  if (session.userId === null) throw redirect('/login')
  await sessions.of(session.userId).revoke(String(form.get('handle')))
  return null
}

export default function Devices({ loaderData }) {
  return (
    <ul>
      {loaderData.map(({ handle, label, current }) => (
        <li key={handle}>
          {label} {current ? '(this one)' : <End handle={handle} />}
        </li>
      ))}
    </ul>
  )
}

function End({ handle }) {
  return (
    <Form method="post">
      <input type="hidden" name="handle" value={handle} />
      <button type="submit">End</button>
    </Form>
  )
}
