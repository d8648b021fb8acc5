import { redirect } from 'next/navigation'
import { read } from 'strongroom/next'
import { sessions } from '../../lib/sessions'
import { endDevice } from '../actions'

export default async function Account() {
  const session = await read(sessions)
  if (session.userId === null) redirect('/login')
  const devices = await sessions.of(session.userId).list(session)
  return (
    <main>
      <h1>Devices</h1>
      <ul>
        {devices.map(({ handle, label, current }) => (
          <li key={handle}>
            {label} {current ? '(this one)' : null}
            {current ? null : (
              <form action={endDevice.bind(null, handle)}>
                <button type="submit">Sign out</button>
              </form>
            )}
          </li>
        ))}
      </ul>
    </main>
  )
}
