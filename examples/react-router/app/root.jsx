import { Form, isRouteErrorResponse, Link, Links, Meta, Outlet, Scripts, ScrollRestoration } from 'react-router'
import { strongroom } from 'strongroom/react-router'
import { sessions } from './sessions.server'

export const middleware = strongroom(sessions)

export async function loader({ context }) {
  const session = await sessions.get(context)
  return { user: session.userId, notices: session.flash('notice') }
}

export function Layout({ children }) {
  return (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
        <Meta />
        <Links />
      </head>
      <body>
        {children}
        <ScrollRestoration />
        <Scripts />
      </body>
    </html>
  )
}

export default function Root({ loaderData: { user, notices } }) {
  return (
    <>
      <nav>
        <Link to="/">Home</Link> <Link to="/devices">Devices</Link>{' '}
        {user ? (
          <Form method="post" action="/logout">
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

export function ErrorBoundary({ error }) {
  // 409: the session has ended while this page was made. 503: the store is down.
  return <p role="alert">{isRouteErrorResponse(error) ? `${error.status}: ${error.data}` : 'Something went wrong.'}</p>
}
