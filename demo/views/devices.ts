import { html } from 'hono/html'
import type { Device, PolicyFacts } from 'strongroom'
import { phone, screen } from './drawings.ts'
import type { Html } from './html.ts'
import { lengthOf, momentView } from './moments.ts'

/** `devices` is null if sessions are in their owners' cookies, where nobody can list them. */
export function devicesView(devices: readonly Device[] | null, policy: PolicyFacts): Html {
  return html`<div class="medium">
    <h1>Your devices</h1>
    ${devices ? listView(devices, policy) : cookiesView(policy)}
  </div>`
}

function listView(devices: readonly Device[], { idle }: PolicyFacts): Html {
  const others = devices.filter(({ current }) => !current).length
  return html`<p class="lead">
      Every browser that is signed in as you. Log one out, and its cookie is refused from its next request on.
    </p>
    <ul class="devices">${devices.map(deviceView)}</ul>
    <form method="post" action="/devices/log-out-others">
      <button class="danger" ${others === 0 && 'disabled'}>Log out everywhere else</button>
      ${others === 0 && html`<p class="hint">This is the only one. Sign in from a second browser to see two.</p>`}
    </form>
    <p class="hint">“Last seen” is exact to within ${lengthOf(idle / 10)}, so that reading a page does not need a write.</p>`
}

function deviceView({ handle, label, createdAt, lastSeenAt, current }: Device): Html {
  const name = label ?? 'An unknown device'
  return html`<li class="panel ${current && 'current'}">
    ${/iPhone|Android/.test(name) ? phone : screen}
    <div>
      <h2>${name} ${current && html`<span class="badge">This device</span>`}</h2>
      <dl>
        <div><dt>Signed in</dt><dd>${momentView(createdAt)}</dd></div>
        <div><dt>Last seen</dt><dd>${momentView(lastSeenAt)}</dd></div>
        <div><dt>Handle</dt><dd><code>${handle}</code></dd></div>
      </dl>
    </div>
    <form method="post" action="/devices/log-out">
      <input type="hidden" name="handle" value="${handle}">
      <button class="quiet">Log out<span class="unseen"> ${name}${current && ', this device'}</span></button>
    </form>
  </li>`
}

function cookiesView({ traits }: PolicyFacts): Html {
  return html`<p class="lead">
      The sessions are in their owners’ cookies, so the server has no list of them.
    </p>
    ${
      traits.revocable
        ? html`<p>It does remember which sessions have ended, so it can still refuse all your cookies but this one.</p>
            <form class="act" method="post" action="/devices/log-out-others"><button class="danger">Log out everywhere else</button></form>`
        : html`<p>
            It cannot end them from here either. With a store for revocations it can; with a store for the sessions themselves,
            such as SQLite, it can list them too.
          </p>
          <p class="act"><code>npm start -- --store 'cookie:?revocations=sqlite:./revocations.db'</code>
          </p>`
    }`
}
