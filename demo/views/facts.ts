import { html } from 'hono/html'
import type { PolicyFacts, Session, Traits } from 'strongroom'
import type { Vault, Visit } from '../vault.ts'
import type { Html } from './html.ts'
import { lengthOf, momentView } from './moments.ts'

export function factsView(session: Session<Visit>, vault: Vault): Html {
  const { policy } = vault.sessions
  return html`<div class="medium">
    <h1>Your session</h1>
    ${
      session.isNew
        ? html`<p class="lead">You have none: no cookie here, no row there. One begins when there is something to store.</p>
            <p><a class="button" href="/">Fill a basket</a></p>`
        : html`${whoView(session)}${timesView(session, policy)}`
    }
    <section class="panel facts" aria-labelledby="storage">
      <h2 id="storage">Where it is stored</h2>
      <dl>
        <div><dt>Engine</dt><dd>${vault.engine}</dd></div>
        <div><dt>Seal</dt><dd>${SEALS[policy.seal]}</dd></div>
        ${traitsView(policy.traits)}
      </dl>
    </section>
    ${cookieView(session, vault)}
  </div>`
}

function whoView(session: Session<Visit>): Html {
  return html`<p class="lead">
      ${session.userId === null ? 'You are not signed in' : html`You are signed in as <strong>${session.get('name')}</strong>`}, and
      the handle of this session is <code>${session.handle}</code>. A handle opens nothing.
    </p>`
}

function timesView(session: Session<Visit>, { idle }: PolicyFacts): Html {
  const { createdAt, expiresAt, endsAt } = session
  const idles = expiresAt !== null && endsAt !== null && expiresAt < endsAt
  return html`<section class="panel facts" aria-labelledby="ends">
    <h2 id="ends">When it ends</h2>
    ${createdAt && expiresAt && endsAt && barView(createdAt, expiresAt, endsAt)}
    <dl>
      <div><dt><span class="swatch over"></span>Began</dt><dd>${momentView(createdAt)}</dd></div>
      <div><dt><span class="swatch sure"></span>If you leave now</dt><dd>${momentView(expiresAt)}<p class="soft">${
        idles ? `It ends after ${lengthOf(idle)} without use.` : 'It has no idle limit.'
      }</p></dd></div>
      <div><dt><span class="swatch whole"></span>At the latest</dt><dd>${momentView(endsAt)}<p class="soft">However much it is used.</p></dd></div>
    </dl>
  </section>`
}

/** The session's whole life as a line: what is over, what is certain, and what is possible if it is used. */
function barView(createdAt: Date, expiresAt: Date, endsAt: Date): Html {
  const length = endsAt.getTime() - createdAt.getTime()
  const at = (ms: number) => Math.round(Math.min(1, Math.max(0, (ms - createdAt.getTime()) / length)) * 1000)
  const [now, end] = [at(Date.now()), at(expiresAt.getTime())]
  return html`<svg class="life" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">
    <rect class="whole" width="1000" height="10"/><rect class="over" width="${now}" height="10"/>
    <rect class="sure" x="${now}" width="${Math.max(end - now, 4)}" height="10"/>
  </svg>`
}

const SEALS: Readonly<Record<string, string>> = {
  'two-key':
    'Two keys. The row opens with the key in your cookie and the key of the server together, and with neither alone.',
  none: 'None. It never leaves the memory of this process, so there is no copy on a disk to steal.',
  sealed: 'Encrypted under the server’s key. The cookie tells nothing to anyone who copies it.',
  signed: 'Signed: nobody can change it unnoticed, and anyone who has the cookie can read it.',
}

function traitsView({ durable, shared, evicts, revocable }: Traits): Html {
  const facts = [
    ['Lasts', DURABLE[durable]],
    ['Shared with', SHARED[shared]],
    ['Kept', evicts ? 'Until its time is up, or until its room is needed for others.' : 'Until its time is up.'],
    [
      'Log out',
      revocable
        ? 'Final: the cookie is refused when it comes back.'
        : 'Clears the cookie. A copy made before still works until its time is up.',
    ],
  ]
  return html`${facts.map(([name, text]) => html`<div><dt>${name}</dt><dd>${text}</dd></div>`)}`
}

const DURABLE: Readonly<Record<Traits['durable'], string>> = {
  machine: 'What was saved survives a power cut.',
  process: 'What was saved survives a crash of the application, not one of the machine.',
  no: 'The server stores nothing beyond a restart.',
}

const SHARED: Readonly<Record<Traits['shared'], string>> = {
  process: 'This process alone.',
  machine: 'Every process on this machine.',
  network: 'Every server that has the key.',
}

function cookieView(session: Session<Visit>, { sessions, plainCookie }: Vault): Html {
  const attributes = [
    [
      sessions.policy.cookieName,
      plainCookie
        ? 'A plain name, because of --plain-cookie.'
        : 'The prefix __Host- keeps other hosts of this domain from setting it.',
    ],
    ...(plainCookie ? [] : [['Secure', 'Sent over https only; some browsers make an exception for localhost.']]),
    ['HttpOnly', 'Scripts on the page cannot read it.'],
    ['SameSite=Lax', 'Forms on other sites do not send it.'],
    ['Path=/', 'Sent with every page of this host.'],
  ]
  return html`<section class="panel facts" aria-labelledby="cookie">
    <h2 id="cookie">The cookie</h2>
    <dl class="code">${attributes.map(([name, text]) => html`<div><dt><code>${name}</code></dt><dd>${text}</dd></div>`)}</dl>
    ${
      !session.isNew &&
      html`<form method="post" action="/session/renew">
        <button class="quiet">Change the lock</button>
        <p class="hint">Same session, new cookie. Copies of the old one stop working immediately.</p>
      </form>`
    }
  </section>`
}
