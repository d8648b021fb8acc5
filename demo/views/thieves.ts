import { html } from 'hono/html'
import type { PolicyFacts } from 'strongroom'
import type { Html } from './html.ts'

interface Thief {
  readonly does: string
  /** What it gets, in a word or two. */
  readonly with: string
  readonly because: string
  readonly harm: 'none' | 'some' | 'much'
}

/** Who may come, and what each gets. */
export function thievesView({ seal, traits }: PolicyFacts): Html {
  const thieves = [...(THIEVES[seal] ?? []), withCookie(seal, traits.revocable), INSIDE]
  return html`<section aria-labelledby="thieves">
    <h2 id="thieves" class="thieves-title">Four thieves, and what each gets</h2>
    <ul class="thieves">${thieves.map(thiefView)}</ul>
  </section>`
}

function thiefView({ does, with: takes, because, harm }: Thief): Html {
  return html`<li class="panel ${harm}"><h3>${does}</h3><p class="takes">${takes}</p><p>${because}</p></li>`
}

const IN_COOKIES: readonly Thief[] = [
  {
    does: 'Copies the server’s disk',
    with: 'Nothing',
    because: 'No session is on it. If ended sessions leave entries there, it learns only how many there are.',
    harm: 'none',
  },
  {
    does: 'Copies the server’s key',
    with: 'Everybody',
    because:
      'It can make cookies for anyone, and read those that it obtains. That is the price of storing everything in the cookie.',
    harm: 'much',
  },
]

const THIEVES: Readonly<Record<string, readonly Thief[]>> = {
  'two-key': [
    {
      does: 'Copies the database, or a backup',
      with: 'Nothing to read',
      because:
        'It learns how many sessions there are, how large they are, and when they end. The rows stay closed, and no cookie can be made from an id.',
      harm: 'none',
    },
    {
      does: 'Copies the server’s key as well',
      with: 'Names of devices',
      because:
        'It can also test whether a user whose name it knows has a session. The baskets stay closed: the other key is in each visitor’s cookie, and nowhere once the cookie is gone.',
      harm: 'some',
    },
  ],
  none: [
    {
      does: 'Copies the server’s disk',
      with: 'Nothing',
      because: 'No session is on it. A restart forgets them all.',
      harm: 'none',
    },
    {
      does: 'Reads the memory of the process',
      with: 'Every session',
      because:
        'They are not encrypted there. With a store that seals, such as SQLite, only recently used ones would be.',
      harm: 'much',
    },
  ],
  sealed: IN_COOKIES,
  signed: IN_COOKIES,
}

function withCookie(seal: string, revocable: boolean): Thief {
  return {
    does: 'Copies your cookie',
    with: 'You, for a while',
    because: [
      seal === 'signed' ? 'It reads what is in the cookie, and can' : 'It reads nothing in the cookie, but it can',
      revocable
        ? 'act as you until you sign out or the time is up.'
        : 'act as you until the time is up: this engine cannot refuse a copy.',
    ].join(' '),
    harm: 'much',
  }
}

const INSIDE: Thief = {
  does: 'Runs code in the live server',
  with: 'All sessions in use',
  because:
    'It sees the sessions that are used while it is there. No session library can prevent that, and none should claim to.',
  harm: 'much',
}
