import { sessions } from '../sessions.server'

export async function loader({ context }) {
  const session = await sessions.get(context)
  return { visits: session.update('visits', (visits = 0) => visits + 1) }
}

export default function Home({ loaderData }) {
  return <h1>Visits: {loaderData.visits}</h1>
}
