import { createFileRoute } from '@tanstack/react-router'
import { countVisit } from '../functions'

export const Route = createFileRoute('/')({ loader: () => countVisit(), component: Home })

function Home() {
  return <h1>Visits: {Route.useLoaderData()}</h1>
}
