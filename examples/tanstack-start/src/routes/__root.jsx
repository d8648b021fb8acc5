import { createRootRoute, HeadContent, Link, Outlet, Scripts } from '@tanstack/react-router'
import { Form } from '../form'
import { getVisitor, signOut } from '../functions'

export const Route = createRootRoute({
  beforeLoad: () => getVisitor(),
  shellComponent: Shell,
  component: Root,
})

function Shell({ children }) {
  return (
    <html lang="en">
      <head>
        <HeadContent />
      </head>
      <body>
        {children}
        <Scripts />
      </body>
    </html>
  )
}

function Root() {
  const { user, notices } = Route.useRouteContext()
  return (
    <>
      <nav>
        <Link to="/">Home</Link> <Link to="/devices">Devices</Link>{' '}
        {user ? (
          <Form action={signOut}>
            <b>{user}</b> <button type="submit">Sign out</button>
          </Form>
        ) : (
          <Link to="/login">Sign in</Link>
        )}
      </nav>
      {notices.map((notice) => (
        <p key={notice} role="status">
          {notice}
        </p>
      ))}
      <Outlet />
    </>
  )
}
