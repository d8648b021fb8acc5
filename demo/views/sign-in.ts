import { html } from 'hono/html'
import type { Session } from 'strongroom'
import { linesOf } from '../shop/basket.ts'
import type { Visit } from '../vault.ts'
import type { Html } from './html.ts'

const PEOPLE = ['Ada', 'Grace', 'Radia', 'Alan']

export interface SignIn {
  /** The page to show next. */
  readonly next: string
  readonly signedOut: boolean
  /** Did the request have a cookie whose session does not exist any more? */
  readonly ended: boolean
}

export function signInView(session: Session<Visit>, { next, signedOut, ended }: SignIn): Html {
  return html`<div class="narrow">
    ${signedOut && html`<p class="notice" role="status">You are signed out. The old cookie is worthless now.</p>`}
    ${
      ended &&
      !signedOut &&
      html`<p class="notice warning" role="status">
        This browser’s session has ended: it was logged out from another device, or its time was up.
      </p>`
    }
    <h1>${session.userId === null ? 'Sign in' : 'Sign in as somebody else'}</h1>
    <p class="lead">
      Any name will do. There is no password, because this is a demonstration.
      ${linesOf(session.get('basket')).length > 0 && session.userId === null && html`Your basket comes along.`}
    </p>
    <form class="panel sign-in" method="post" action="/sign-in">
      <input type="hidden" name="next" value="${next}">
      <label for="name">Your name</label>
      <div class="beside">
        <input id="name" name="name" required maxlength="40" autocomplete="username" autocapitalize="words" autofocus>
        <button>Sign in</button>
      </div>
      <label class="check"><input type="checkbox" name="remember" value="yes"> Keep me signed in for 14 days</label>
      <fieldset>
        <legend>Or choose one of these</legend>
        <div class="people">
          ${PEOPLE.map((name) => html`<button class="quiet" name="person" value="${name}" formnovalidate>${name}</button>`)}
        </div>
      </fieldset>
    </form>
    <p class="hint">
      Signing in changes the session’s key, so a cookie that somebody planted in your browser before is worthless.
    </p>
  </div>`
}
