import { html } from 'hono/html'
import type { Entry, Version } from 'strongroom'
import type { Vault } from '../vault.ts'
import {
  type Part,
  plainRecordParts,
  recordParts,
  sealedCookieParts,
  signedCookieParts,
  tokenParts,
} from './anatomy.ts'
import { dumpView, legendView } from './dump.ts'
import type { Html } from './html.ts'
import { momentView } from './moments.ts'
import { type Secret, searchView } from './search.ts'
import { thievesView } from './thieves.ts'

/** What there is to steal. */
export interface Loot {
  readonly cookie: string
  /** Null if the server stores no session. */
  readonly row: { readonly id: string; readonly entry: Entry; readonly version: Version } | null
  /** The session as the application has it. */
  readonly data: Readonly<Record<string, unknown>>
  /** What a thief would look for. */
  readonly secrets: readonly Secret[]
}

export function thiefView(loot: Loot | null, vault: Vault): Html {
  const { policy } = vault.sessions
  return html`<div class="thief">
    <div>
      <h1>What the thief sees</h1>
      ${
        loot
          ? html`<p class="lead">${LEADS[policy.seal]} These are the real bytes, right now.</p>`
          : html`<p class="lead">
                You have no session, so there is nothing to steal: no cookie in your browser, no row on the server. Put
                something into the basket, with a secret note, and come back.
              </p>
              <p><a class="button" href="/">Fill a basket</a></p>`
      }
    </div>
    ${loot && html`${searchView(loot.secrets, placesIn(loot))}${cookieView(loot, policy.seal)}${rowView(loot, vault)}${clearView(loot, policy.seal)}`}
    ${thievesView(policy)}
  </div>`
}

const LEADS: Readonly<Record<string, string>> = {
  'two-key': 'Two keys open your session. One is in your cookie, the other on the server.',
  none: 'This engine stores sessions in the memory of the process and does not seal them.',
  sealed: 'Your session is in your cookie, encrypted, and the server stores nothing of it.',
  signed: 'Your session is in your cookie, signed but readable.',
}

const COOKIES: Readonly<Record<string, string>> = {
  'two-key': 'One of the two keys, and nothing else. It says nothing about you, and works only against this server.',
  none: 'A random token that only this server knows what to do with. It says nothing about you.',
  sealed: 'The session itself, sent with every request, and closed to anyone without the server’s key.',
  signed: 'The session itself, sent with every request, for anyone to read.',
}

function placesIn({ cookie, row }: Loot) {
  return [
    { name: 'cookie', bytes: [Buffer.from(cookie, 'base64url')] },
    ...(row ? [{ name: 'row', bytes: [row.entry.bytes, row.entry.label ?? new Uint8Array()] }] : []),
  ]
}

function cookieView({ cookie, row }: Loot, seal: string): Html {
  const bytes = Buffer.from(cookie, 'base64url')
  const parts = row ? tokenParts : seal === 'signed' ? signedCookieParts(bytes.length) : sealedCookieParts(bytes.length)
  return html`<section class="panel bytes yours" aria-labelledby="in-browser">
    <div class="words">
      <h2 id="in-browser">In your browser: the cookie</h2>
      <p>${COOKIES[seal]}</p>
      ${legendView(parts)}
      <p class="soft">
        Shown because this is a demonstration. It is HttpOnly so that no script can read it, and a real page must never print
        it.
      </p>
    </div>
    <div><p class="raw"><code>${cookie}</code></p>${dumpView(bytes, parts, 'The cookie')}${plainText(bytes, parts)}</div>
  </section>`
}

function rowView({ row }: Loot, { engine, sessions }: Vault): Html {
  const { seal, traits } = sessions.policy
  if (!row)
    return html`<section class="panel bytes ours" aria-labelledby="on-server">
      <div class="words">
        <h2 id="on-server">On the server: nothing</h2>
        ${traits.revocable && html`<p>Only an entry for each session that was ended early, so that its cookie stays refused.</p>`}
      </div>
      <p class="void">No row, no file, no memory of you.</p>
    </section>`
  const { bytes } = row.entry
  const parts = seal === 'none' ? plainRecordParts(bytes) : recordParts(bytes.length)
  return html`<section class="panel bytes ours" aria-labelledby="on-server">
    <div class="words">
      <h2 id="on-server">On the server: the row</h2>
      <p>${
        seal === 'none'
          ? 'Plain JSON, in the memory of this process and nowhere else.'
          : `It is stored in ${engine}, sealed under your key and the server’s together.`
      }</p>
      ${legendView(parts)}
    </div>
    <div>${dumpView(bytes, parts, 'The row')}${plainText(bytes, parts)}${columnsView(row)}</div>
  </section>`
}

/** The bytes that can be read without a key, as text. */
function plainText(bytes: Uint8Array, parts: readonly Part[]): Html {
  let at = 0
  const found = parts.map(({ kind, length }) => {
    const part = bytes.subarray(at, at + length)
    at += length
    return kind === 'plain' && html`<pre class="plain" tabindex="0">${Buffer.from(part).toString()}</pre>`
  })
  return html`${found}`
}

function columnsView({ id, entry, version }: NonNullable<Loot['row']>): Html {
  const { owner, label, expiresAt, createdAt } = entry
  const none = html`<span class="soft">none</span>`
  const columns = [
    [
      'id',
      html`<code>${id}</code>`,
      'derived from your sid, with the server’s key: no cookie can be made from it. Its end says which application it is of',
    ],
    ['owner', owner ? html`<code>${owner}</code>` : none, 'a blind tag that your sessions share; it names nobody'],
    [
      'label',
      label ? html`<code>${Buffer.from(label).toString('hex')}</code>` : none,
      'the device’s name, sealed by the server',
    ],
    ['version', html`<code>${version}</code>`, 'so that no concurrent change is lost'],
    ['created', momentView(new Date(createdAt)), 'readable'],
    ['expires', momentView(new Date(expiresAt)), 'readable, for the sweep; the sealed deadline decides'],
  ] as const
  return html`<details class="columns">
    <summary>The other columns of the row</summary>
    <dl>${columns.map(([name, value, meaning]) => html`<div><dt>${name}</dt><dd>${value}<p class="soft">${meaning}</p></dd></div>`)}</dl>
  </details>`
}

const TOGETHER: Readonly<Record<string, string>> = {
  'two-key': 'Your request brought the cookie, the server brought the row and its own key.',
  none: 'Your request brought the cookie, the server found the row.',
  sealed: 'Your request brought the cookie, the server brought its key.',
  signed: 'Your request brought the cookie; the server’s key only proved that nobody had changed it.',
}

function clearView({ data }: Loot, seal: string): Html {
  return html`<section class="panel bytes both" aria-labelledby="in-clear">
    <div class="words">
      <h2 id="in-clear">Together: what the application sees</h2>
      <p>${TOGETHER[seal]} For as long as the request lasts, this is your session.</p>
    </div>
    <pre tabindex="0">${JSON.stringify(data, null, 2)}</pre>
  </section>`
}
