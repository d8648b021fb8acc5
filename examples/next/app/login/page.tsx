import { login } from '../actions'

export default function Login() {
  return (
    <form action={login}>
      <h1>Sign in</h1>
      <label>
        Name <input name="name" required />
      </label>
      <button type="submit">Sign in</button>
    </form>
  )
}
