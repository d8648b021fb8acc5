import type { Plan } from './run.ts'
import type { VerbName } from './verbs.ts'

const MINE: readonly VerbName[] = [
  'read',
  'write',
  'keep',
  'renew',
  'login',
  'login as v',
  'login at the limit',
  'login over the limit',
  'logout',
  'logout with the first cookie',
  'revoke others',
]
/** Those that are combined with each other twice. */
const FEW: readonly VerbName[] = ['write', 'renew', 'login', 'logout', 'revoke others']
/** Those that are combined with a few others. */
const SPECIAL: readonly VerbName[] = [
  'login as of before',
  'login and revoke others',
  'logout with two cookies',
  'shorten',
  'prolong',
  'clear',
]
/** What a visitor does who is not signed in, or somebody who has planted the visitor's cookie. */
const VISITOR: readonly VerbName[] = ['write', 'keep', 'renew', 'login', 'login as v', 'logout']

const pairs = (verbs: readonly VerbName[], others = verbs) => verbs.flatMap((a) => others.map((b) => [a, b] as const))
/** Without those that differ only in the names of the two. */
const unordered = <T>(items: readonly T[]) => items.flatMap((a, i) => items.slice(i).map((b) => [a, b] as const))

/** Three clients, with one verb each. */
export const THREE: readonly Plan[] = [
  ...unordered(MINE).flatMap(([a, b]): Plan[] => [
    { O: [a], T: [b], P: ['revoke all'] },
    { O: [a], T: [b], P: ['revoke'] },
    { O: [a], T: [b], L: ['login'] },
    { O: [a], T: [b], L: ['login at the limit'] },
    { O: [a], T: [b], L: ['login over the limit'] },
    { O: [a], T: [b], D: ['revoke others'] },
    { O: [a], T: [b], D: ['renew'] },
  ]),
  ...pairs(SPECIAL, FEW).flatMap(([a, b]): Plan[] => [
    { O: [a], T: [b], P: ['revoke all'] },
    { O: [a], T: [b], P: ['revoke'] },
    { O: [a], T: [b], D: ['renew'] },
  ]),
  ...unordered(SPECIAL).map(([a, b]): Plan => ({ O: [a], T: [b], P: ['revoke all'] })),
  ...pairs(SPECIAL, VISITOR).map(([a, b]): Plan => ({ L: [a], M: [b], P: ['revoke all'] })),
  ...unordered(VISITOR).flatMap(([a, b]): Plan[] => [
    { L: [a], M: [b], P: ['revoke all'] },
    { L: [a], M: [b], O: ['login over the limit'] },
  ]),
]

/** Two visitors with the same cookie of another framework. */
export const ADOPTED: readonly Plan[] = unordered<VerbName>([
  'read',
  'write',
  'renew',
  'login',
  'login as v',
  'logout',
  'revoke others',
]).flatMap(([a, b]): Plan[] => [
  { X: [a], Y: [b] },
  { X: [a], Y: [b], P: ['revoke all'] },
  { X: [a], Y: [b], D: ['revoke others'] },
])

/** Where tokens are renewed by time: two who have the same cookie, and others. */
export const RENEWED: readonly Plan[] = [
  ...unordered<VerbName>([
    'read',
    'read unanswered',
    'write',
    'keep',
    'renew',
    'login',
    'login as v',
    'logout',
    'revoke others',
  ]).flatMap(([a, b]): Plan[] => [
    { O: [a, 'write'], T: [b, 'read'] },
    { O: ['read unanswered', a], T: [b, 'write'] },
    { O: [a], T: [b], P: ['revoke all'] },
    { O: [a], T: [b], D: ['revoke others'] },
  ]),
  ...unordered(VISITOR).flatMap(([a, b]): Plan[] => [
    { L: ['read', a], M: [b, 'read'] },
    { L: [a], M: [b], P: ['revoke all'] },
  ]),
]

/** Two clients, with two verbs each. */
export const TWO: readonly Plan[] = [
  ...[...pairs(SPECIAL, FEW), ...pairs(FEW, SPECIAL), ...pairs(SPECIAL)].flatMap((a): Plan[] => [
    { O: a, P: ['revoke all', 'revoke'] },
    { O: a, D: ['renew', 'revoke others'] },
    { O: a, T: ['renew', 'write'] },
    { O: a, T: ['logout', 'login'] },
  ]),
  ...unordered(pairs(FEW)).map(([a, b]): Plan => ({ O: a, T: b })),
  ...pairs(MINE).flatMap((a): Plan[] => [
    { O: a, P: ['revoke all', 'revoke'] },
    { O: a, P: ['revoke all', 'revoke all'] },
    { O: a, D: ['renew', 'revoke others'] },
    { O: a, D: ['revoke others', 'renew'] },
    { O: a, D: ['login over the limit', 'write'] },
  ]),
  ...unordered(pairs(VISITOR)).map(([a, b]): Plan => ({ L: a, M: b })),
  ...pairs(['login', 'login as v', 'write', 'login over the limit', 'login at the limit']).flatMap((a): Plan[] => [
    { L: a, P: ['revoke all', 'revoke'] },
    { L: a, D: ['revoke others', 'login at the limit'] },
    { L: a, D: ['login over the limit', 'renew'] },
  ]),
]

/**
 * In every run, however short: those of the weaknesses that were found by attacks, and of the protocol's corrections. Somebody
 * renews once before and once during an end (W1, W2).
 */
export const CHOSEN: readonly Plan[] = [
  { T: ['renew', 'renew'], O: ['logout'] },
  { T: ['renew', 'renew'], O: ['revoke others'] },
  { T: ['renew', 'renew'], O: ['login'] },
  { T: ['renew', 'renew'], O: ['login as v'] },
  { T: ['renew', 'renew'], P: ['revoke all'] },
  { T: ['renew', 'renew'], P: ['revoke'] },
  { O: ['renew', 'renew', 'revoke'], T: ['write'] },
  { O: ['renew', 'logout with the first cookie'], D: ['write'] },
  { O: ['renew', 'logout'], T: ['logout', 'renew'] },
  { O: ['logout', 'logout'], T: ['revoke others', 'renew'] },
  { O: ['renew'], T: ['login'], D: ['renew'] },
  { O: ['renew'], T: ['logout'], P: ['revoke'] },
  { O: ['keep'], T: ['renew'], L: ['login'] },
  { O: ['renew'], T: ['login at the limit'], L: ['login over the limit'] },
  { O: ['write'], T: ['login at the limit'], P: ['revoke all'] },
  { O: ['write'], T: ['login'], D: ['revoke others'] },
  { L: ['keep'], M: ['login'], P: ['revoke all'] },
  { L: ['renew'], M: ['login'], P: ['revoke all'] },
  { L: ['renew'], M: ['logout'], P: ['revoke all'] },
  { L: ['login'], M: ['login as v'], P: ['revoke all'] },
  { L: ['login over the limit'], M: ['login over the limit'], O: ['write'] },
  { D: ['login over the limit'], L: ['login at the limit'], O: ['logout'] },
  { O: ['read'], T: ['write'], P: ['revoke all'] },
  // The corrections C4, C6, C10 and C11.
  { L: ['keep'], M: ['login'] },
  { L: ['clear'], M: ['login'] },
  { L: ['clear', 'keep'], M: ['login'] },
  { L: ['clear'], M: ['keep'] },
  { L: ['clear'], M: ['keep', 'login'] },
  { O: ['renew'], T: ['login as v'], D: ['renew'] },
  // An end of all others that is under way: everybody who has its cookie must be able to log out or in.
  { O: ['write', 'revoke others'], T: ['login', 'login'] },
  { O: ['revoke others', 'write'], T: ['revoke others', 'login'] },
  { O: ['login as of before'], P: ['revoke all'] },
  { L: ['login as of before'], D: ['revoke others'] },
  { O: ['login and revoke others'], T: ['renew', 'renew'] },
  { O: ['login and revoke others'], P: ['revoke all'] },
  { L: ['login and revoke others'], D: ['write'] },
  { L: ['login and revoke others'], M: ['login and revoke others'] },
  { O: ['prolong'], T: ['read'] },
  { O: ['prolong'], T: ['logout'] },
  { O: ['prolong'], T: ['renew'], P: ['revoke all'] },
  { O: ['shorten'], T: ['write', 'renew'] },
  { O: ['shorten'], T: ['read'] },
  { O: ['logout with two cookies'], T: ['renew'], D: ['renew'] },
  { O: ['renew unanswered', 'login'], P: ['revoke all'] },
  // Sessions that have ended do not count.
  { D: ['logout'], L: ['login at the limit'] },
]
