import { read } from 'strongroom/next'
import { sessions } from '../lib/sessions'
import { visit } from './actions'

export default async function Home() {
  const session = await read(sessions)
  return (
    <main>
      <h1>Home</h1>
      <p>Visits: {session.get('visits') ?? 0}</p>
      <form action={visit}>
        <button type="submit">Count a visit</button>
      </form>
    </main>
  )
}
