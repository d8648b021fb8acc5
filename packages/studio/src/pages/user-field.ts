import type { Fields } from '../board.ts'
import { type Html, html } from '../html.ts'

/**
 * The id of a user in a form. Percent-encoded, because a browser sends another line break than the field has, and replaces the null
 * character: the form would be about another user, of whom nothing is there to end.
 */
export const userField = (user: string): Html =>
  html`<input type="hidden" name="user" value="${encodeURIComponent(user)}">`

/** Null without one. */
export function userIn({ user }: Fields): string | null {
  if (!user) return null
  try {
    return decodeURIComponent(user)
  } catch {
    return user
  }
}
