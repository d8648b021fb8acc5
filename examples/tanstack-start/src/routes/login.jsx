import { createFileRoute } from '@tanstack/react-router'
import { Form } from '../form'
import { signIn } from '../functions'

export const Route = createFileRoute('/login')({ component: Login })

function Login() {
  return (
    <Form action={signIn}>
      <label>
        Name <input name="user" />
      </label>{' '}
      <button type="submit">Sign in</button>
    </Form>
  )
}
