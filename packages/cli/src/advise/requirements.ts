import type { Property } from '../lab/report.ts'
import type { Answers } from './answers.ts'
import { type Candidate, COOKIE_ROOM } from './candidates.ts'
import { NEEDS, type Need } from './needs.ts'

/** Why an engine cannot be what was asked for, by what it declares of itself; empty when it can. */
export function unmet(candidate: Candidate, answers: Answers): readonly string[] {
  return [
    ...answers.properties.flatMap((property) => lacks(property, candidate, answers) ?? []),
    ...answers.needs.flatMap((need) => (meets(need, candidate) ? [] : [NEEDS[need].lacking])),
    ...place(candidate, answers),
  ]
}

/** What the traits say against a property; null when they say nothing. */
function lacks(property: Property, { declared, seal, shape }: Candidate, { attackers }: Answers): string | null {
  const isPlain =
    seal === 'none' && declared.leaves === 'sessions' && (declared.onDisk || declared.shared === 'network')
  const has: Record<Property, string | false> = {
    durable:
      declared.durable === 'no' &&
      (shape.kind === 'cookie' ? 'it lasts as long as the browser keeps its cookie' : 'a restart forgets all sessions'),
    'private on the server':
      (isPlain && 'what is stored can be read') ||
      (seal === 'server-key' &&
        (attackers === null || attackers.includes('has-secrets')) &&
        "a backup and the server's secrets open every session"),
    'private in the browser': seal === 'signed' && 'anyone can read a signed cookie',
    integrity: isPlain && 'nothing authenticates what is stored',
    final: !declared.revocable && 'a copied cookie works after the logout',
    forgets: false,
    shared: declared.shared !== 'network' && `its sessions stay in one ${declared.shared}`,
  }
  return has[property] || null
}

function meets(need: Need, { declared, seal, shape }: Candidate): boolean {
  const has: Record<Need, boolean> = {
    devices: declared.lists,
    'revoke-all': declared.endsAll,
    merge: declared.merges,
    'operators-read': seal === 'server-key' || seal === 'none',
    'nothing-on-disk': !declared.onDisk,
    'no-data-on-server': declared.leaves !== 'sessions',
    'nothing-stored': declared.leaves === 'nothing',
    'no-database':
      shape.kind === 'cookie' ? shape.revocations === null : shape.kind === 'store' && isFileLike(shape.store),
    'readable-cookie': seal === 'signed',
  }
  return has[need]
}

const isFileLike = (store: string) => store === 'file' || store === 'memory'

function* place({ declared, shape }: Candidate, { servers, processes, bytes }: Answers): Generator<string> {
  if (servers > 1 && declared.shared !== 'network') yield `${servers} servers cannot share it`
  else if (processes > 1 && declared.shared === 'process') yield `${processes} processes cannot share it`
  const room = shape.kind === 'cookie' ? COOKIE_ROOM : declared.sizeLimit
  if (room !== null && bytes > room)
    yield `a session of ${bytes.toLocaleString('en')} bytes does not fit (${room.toLocaleString('en')} at most)`
}

/** What is given up with an engine, although nobody asked for it, in the order of its weight. */
export function losses({ declared, seal, shape }: Candidate, { properties, processes, servers }: Answers): string[] {
  const cache = shape.kind === 'cached' ? shape.cache : null
  const isAlone = servers === 1 && processes === 1
  const given: readonly (readonly [boolean, string])[] = [
    [declared.durable === 'no' && shape.kind === 'cookie', 'a session lasts as long as the browser keeps its cookie'],
    [declared.durable === 'no' && shape.kind !== 'cookie', forgetful(declared.engine)],
    [!declared.revocable, 'a logout is not final: a copied cookie works until its deadline'],
    [seal === 'signed', 'anyone who gets the cookie can read the session'],
    [seal === 'server-key', "the database and the server's secrets together open every session"],
    [declared.evicts && shape.kind === 'store', 'a full server drops live sessions'],
    [!declared.lists, 'no list of devices, and no limit on the sessions of a user'],
    [!declared.endsAll, 'no "log out everywhere"'],
    [!declared.merges, 'of two changes at the same time, the later one wins'],
    [cache === 'memory' && !isAlone && !announces(shape), STALE],
    [declared.shared !== 'network' && !properties.includes('shared'), `its sessions stay in one ${declared.shared}`],
  ]
  return given.flatMap(([applies, text]) => (applies ? [text] : []))
}

const STALE = 'another process may accept an ended session for 10 s (maxAge), and can save nothing in it'

const forgetful = (engine: string) =>
  engine === 'redis' ? 'as durable as its append-only file: nothing is promised here' : 'a restart forgets all sessions'

/** Does the durable store tell caches what has changed? */
export const announces = (shape: Candidate['shape']): boolean =>
  shape.kind === 'cached' && ['postgres', 'redis', 'valkey'].includes(shape.durable)
