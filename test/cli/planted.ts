import { randomBytes, randomInt } from 'node:crypto'
import { type BaseSessions, createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { CANARY, SECRET } from './project.ts'

/** How many sessions of each seal are planted. */
export const PLANTED = { 'two-key': 2, 'server-key': 3, none: 4 } as const

/** Creates sessions as the application does: half of them signed in, the last one with a lot of data. */
export async function plant(store: Store, planted: Readonly<Record<string, number>> = PLANTED): Promise<void> {
  for (const [seal, count] of Object.entries(planted)) {
    const options = { store, secrets: SECRET, seal: seal as 'two-key', memo: 0 } as const
    const both = (['chacha20-poly1305', 'aes-256-gcm'] as const).map((cipher) => createSessions({ ...options, cipher }))
    for (let i = 0; i < count; i++) {
      const sessions = both[i % 2] as BaseSessions<Record<string, unknown>>
      const visit = sessions.open({
        'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
      })
      const session = await visit.get()
      session.set('note', `${CANARY} '"\\\t\n`)
      if (i % 2 === 1) session.login('ada')
      if (i === count - 1) session.set('large', randomBytes(6000).toString('base64'))
      await visit.commit()
    }
  }
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'
const text = (length: number) => Array.from({ length }, () => LETTERS[randomInt(36)]).join('')
const signed = (body: string) => `${body}:1r31eq:${randomBytes(32).toString('base64url')}`

/** Django's rows: signed, compressed, large, from before Django 3.1, and from before 3.1 with pickle. */
export const DJANGO: readonly (readonly [key: string, data: string])[] = [
  [text(32), signed('eyJjYXQiOiJkb2cifQ')],
  [text(32), signed(`.eJx${text(60)}`)],
  [text(32), signed(Buffer.from(JSON.stringify({ large: text(9000) })).toString('base64url'))],
  [text(32), Buffer.from(`${randomBytes(20).toString('hex')}:{"_auth_user_id":"1"}`).toString('base64')],
  [text(32), Buffer.from(`${randomBytes(20).toString('hex')}:\x80\x03}q\x00`, 'latin1').toString('base64')],
]

/** What a scan must not take for sessions, and must not fail on. */
export const TRAPS: readonly string[] = [
  "INSERT INTO strongroom_sessions VALUES ('a', 'b');",
  `COPY public.django_session (session_key, session_data, expire_date) FROM stdin;\n${DJANGO[0]?.join('\t')}\t2026-01-01\n\\.\n`,
  'it\'s \\\' a \\\\ "trap" \t `of` -- quotes /* and */ $tag$ comments $$ ;',
  '\\N',
  '\\.',
  'C:\\',
  '0x0102 \u00e9\u{1f600}',
  'x'.repeat(70_000),
]
