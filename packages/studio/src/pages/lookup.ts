import { type Html, html } from '../html.ts'

/** The form that begins most visits. GET, so that it works in a read-only studio, and can be kept as a bookmark. */
export const lookupForm = (
  base: string,
  user = '',
): Html => html`<form class="lookup" action="${base}/sessions" method="get" role="search">
<label for="user">A user’s sessions</label>
<div class="field"><input id="user" name="user" value="${user}" required autocomplete="off" autocapitalize="off" spellcheck="false" aria-describedby="user-help"><button>Show</button></div>
<p class="help" id="user-help">The exact id that the application gives to <code>login()</code>. The store has only a tag of it, so nobody can browse or search.</p>
</form>`
