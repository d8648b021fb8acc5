import type { Attack } from '../attack.ts'
import { broken, held, seen, shortened } from '../finding.ts'
import { attackBy } from '../people.ts'
import { readingsOf } from '../readings.ts'
import { everywhere } from './promises.ts'

export const cookieJar: Attack = attackBy(
  {
    name: 'read-the-cookie-jar',
    title: 'Read the browser’s cookie jar',
    property: 'private in the browser',
    attacker: 'anyone who reads the disk of the visitor’s computer, or a backup of it',
    how: 'A user signs in and writes a note. Every cookie that the browser was given is read as it is, and through percent-encoding, base64, hexadecimal and compression, in every order. Held: neither the note nor the user’s name is in any of these readings.',
    docs: 'docs/security.md#the-cookie',
    harmless: true,
    violent: false,
    promised: (row) => everywhere(row) && row.seal !== 'signed',
  },
  async (people) => {
    const user = people.user('ada')
    const visitor = await people.signedIn(user)
    const values = visitor.copies.flatMap((cookies) => [...cookies])
    const readings = values.flatMap(([name, value]) =>
      readingsOf(Buffer.from(value)).map((bytes) => ({ name, text: bytes.toString('latin1') })),
    )
    const telling = readings.find(({ text }) => text.includes(people.note))
    const naming = readings.find(({ text }) => text.includes(user))
    const current = visitor.cookie ?? ''
    const evidence = [
      seen('the session cookie', shortened(current)),
      seen('its bytes', bytesOf(current)),
      seen('readings of all cookies that were tried', readings.length),
      seen('the note', telling ? `read in ${telling.name}: ${around(telling.text, people.note)}` : 'in none of them'),
      seen('the user’s name', naming ? `read in ${naming.name}: ${around(naming.text, user)}` : 'in none of them'),
    ]
    if (telling || naming) return broken('The cookie tells what is in the session.', evidence)
    return held('The cookie tells nothing of the session.', evidence)
  },
)

/** The first bytes, as someone sees them who decodes the value. */
const bytesOf = (value: string): string => {
  const bytes = Buffer.from(value, 'base64')
  return `${bytes
    .subarray(0, 6)
    .toString('hex')
    .replace(/..(?=.)/g, '$& ')} … (${bytes.length})`
}

function around(text: string, found: string): string {
  const at = text.indexOf(found)
  return JSON.stringify(text.slice(Math.max(0, at - 20), at + found.length + 20))
}
