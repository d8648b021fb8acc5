import { createFileRoute } from '@tanstack/react-router'
import { Form } from '../form'
import { endDevice, listDevices } from '../functions'

export const Route = createFileRoute('/devices')({ loader: () => listDevices(), component: Devices })

function Devices() {
  return (
    <ul>
      {Route.useLoaderData().map(({ handle, label, current }) => (
        <li key={handle}>
          {label} {current ? '(this one)' : <End handle={handle} />}
        </li>
      ))}
    </ul>
  )
}

function End({ handle }) {
  return (
    <Form action={endDevice}>
      <input type="hidden" name="handle" value={handle} />
      <button type="submit">End</button>
    </Form>
  )
}
