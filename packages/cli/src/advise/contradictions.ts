import type { Property } from '../lab/report.ts'
import type { Answers } from './answers.ts'
import { ATTACKERS, type AttackerName } from './attackers.ts'
import { COOKIE_ROOM } from './candidates.ts'
import type { Need } from './needs.ts'

/** Answers that cannot all be had, or that leave each other without an effect. */
export interface Contradiction {
  /** The answers that it is about: "final", "nothing-stored". */
  readonly between: readonly string[]
  readonly text: string
}

/** What only a session in the cookie meets. */
const COOKIE_NEEDS = ['nothing-stored', 'no-data-on-server', 'readable-cookie'] as const satisfies readonly Need[]

export function contradictionsIn(answers: Answers): Contradiction[] {
  const { properties, needs } = answers
  const wants = (property: Property) => properties.includes(property)
  const asks = (need: Need) => needs.includes(need)
  const isStateless = asks('nothing-stored')
  const inCookie = COOKIE_NEEDS.find(asks)
  const isMany = answers.servers > 1
  const nothingShared = !answers.have.length
  const found: (Contradiction | false)[] = [
    wants('private in the browser') &&
      asks('readable-cookie') && {
        between: ['private in the browser', 'readable-cookie'],
        text: 'A session that developers can read in the browser is one that anyone at that computer can read. The sealed cookie keeps it private.',
      },
    wants('final') &&
      isStateless && {
        between: ['final', 'nothing-stored'],
        text: 'For a logout to be final, something must remember it. The least is a store of hashes: answer "no-data-on-server" instead of "nothing-stored".',
      },
    (asks('devices') || asks('revoke-all')) &&
      isStateless && {
        between: [asks('devices') ? 'devices' : 'revoke-all', 'nothing-stored'],
        text: 'Sessions that are stored nowhere on the server cannot be listed or ended from outside.',
      },
    asks('devices') &&
      !isStateless &&
      asks('no-data-on-server') && {
        between: ['devices', 'no-data-on-server'],
        text: 'A list of devices needs a store that holds the sessions. Sealed records on the server tell nobody anything without the cookie.',
      },
    wants('durable') &&
      asks('nothing-on-disk') && {
        between: ['durable', 'nothing-on-disk'],
        text: 'What is only in memory does not survive a crash. Sealed records on a disk are durable, and cannot be read.',
      },
    wants('durable') &&
      isMany &&
      answers.have.length > 0 &&
      answers.have.every((name) => name === 'memcached') && {
        between: ['durable', 'have'],
        text: 'memcached is all that is there, and it forgets everything at a restart. It can be a cache in front of a database (cached).',
      },
    (asks('devices') || asks('revoke-all')) &&
      !isStateless &&
      asks('readable-cookie') && {
        between: [asks('devices') ? 'devices' : 'revoke-all', 'readable-cookie'],
        text: 'A cookie that developers can read is the whole session: the server has nothing that it could list or end. That needs a store.',
      },
    wants('durable') &&
      inCookie !== undefined && {
        between: ['durable', inCookie],
        text: 'A session that only the browser has lasts as long as the browser keeps its cookie. The server can promise nothing.',
      },
    asks('merge') &&
      inCookie !== undefined && {
        between: ['merge', inCookie],
        text: 'Each response with a cookie replaces the whole session in the browser, so the later of two changes wins. Only a store can merge them.',
      },
    asks('operators-read') &&
      inCookie !== undefined && {
        between: ['operators-read', inCookie],
        text: 'Operators have no cookies of users: they can only read sessions that are stored on the server.',
      },
    isMany &&
      nothingShared &&
      !isStateless && {
        between: ['servers', 'have'],
        text: `${answers.servers} servers share nothing yet. Only sessions in the cookie need no server; for all others, run PostgreSQL, MySQL, Redis or Valkey.`,
      },
    isMany &&
      asks('no-database') && {
        between: ['servers', 'no-database'],
        text: `${answers.servers} servers cannot share files: the locks of network file systems are not reliable.`,
      },
    wants('shared') &&
      !isMany &&
      asks('no-database') && {
        between: ['shared', 'no-database'],
        text: 'Files and SQLite are for one machine. "shared" means more than one server.',
      },
    answers.bytes > COOKIE_ROOM &&
      (isStateless || asks('no-data-on-server') || asks('readable-cookie')) && {
        between: [
          'bytes',
          isStateless ? 'nothing-stored' : asks('readable-cookie') ? 'readable-cookie' : 'no-data-on-server',
        ],
        text: `A cookie holds some ${COOKIE_ROOM.toLocaleString('en')} bytes, and a session has ${answers.bytes.toLocaleString('en')}. Keep large things under the user in your database.`,
      },
    asks('operators-read') &&
      wants('private on the server') &&
      includes(answers, 'has-secrets') && {
        between: ['private on the server', 'operators-read'],
        text: "Whatever lets operators read sessions lets anyone read them who has the database and the server's secrets. Leave out that attacker (has-secrets), or do without.",
      },
    (wants('final') || wants('integrity')) &&
      includes(answers, 'writes-database') &&
      answers.attackers !== null && {
        between: [wants('final') ? 'final' : 'integrity', 'writes-database'],
        text: 'Nobody can alter a sealed row unnoticed. But anyone who can write to the table can delete it, or put an older copy back: with a copied cookie, that undoes a logout. No store prevents it.',
      },
    ...uselessAttackers(answers),
    tooManySessions(answers),
  ]
  return found.filter((each) => each !== false)
}

const includes = ({ attackers }: Answers, name: AttackerName) => attackers === null || attackers.includes(name)

/** What each of them threatens; one who was named and threatens nothing that matters would be ignored without a word. */
const THREATENS: Readonly<Record<AttackerName, readonly Property[]>> = {
  'plants-cookie': ['integrity', 'final'],
  'writes-cache': ['integrity', 'final'],
  'has-secrets': ['private on the server'],
  'finds-backup': ['private on the server'],
  'writes-database': ['integrity', 'final'],
  'reads-disk': ['private on the server', 'forgets'],
  'reads-browser': ['private in the browser'],
  'alters-cookie': ['integrity'],
  'copied-cookie': ['final'],
}

function uselessAttackers({ attackers, properties }: Answers): Contradiction[] {
  return (attackers ?? []).flatMap((name) => {
    const threatened = THREATENS[name]
    if (threatened.some((property) => properties.includes(property))) return []
    const list = threatened.map((property) => `"${property}"`).join(' or ')
    return [
      {
        between: [name],
        text: `Someone who ${ATTACKERS[name].does} threatens ${list}, which you did not ask for.`,
      },
    ]
  })
}

/** Little's law: as many are alive as begin in a lifetime, at most. */
function tooManySessions({ sessions, logins, lifetime }: Answers): Contradiction | false {
  if (sessions === null || logins === null) return false
  const most = (logins * lifetime) / 1000
  if (sessions <= most * 1.1) return false
  return {
    between: ['sessions', 'logins', 'lifetime'],
    text: `${logins.toLocaleString('en')} logins a second, each alive for ${Math.round(lifetime / 60_000).toLocaleString('en')} minutes at most, are ${Math.round(most).toLocaleString('en')} sessions at a time, and not ${sessions.toLocaleString('en')}, unless most visitors do not log in.`,
  }
}
