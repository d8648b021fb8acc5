import Link from 'next/link'
import type { ReactNode } from 'react'
import { flash, read } from 'strongroom/next'
import { sessions } from '../lib/sessions'
import { logout } from './actions'

export default async function Layout({ children }: { children: ReactNode }) {
  const session = await read(sessions)
  const notes = await flash(sessions, 'note')
  return (
    <html lang="en">
      <body>
        <nav>
          <Link href="/">Home</Link> <Link href="/account">Devices</Link>
          {session.userId === null ? (
            <Link href="/login">Sign in</Link>
          ) : (
            <form action={logout}>
              Signed in as {session.userId} <button type="submit">Sign out</button>
            </form>
          )}
        </nav>
        {notes.map((note) => (
          <p role="status" key={String(note)}>
            {String(note)}
          </p>
        ))}
        {children}
      </body>
    </html>
  )
}
