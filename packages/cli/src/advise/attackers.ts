import type { AttackInfo } from '../lab/report.ts'

interface Attacker {
  /** For people, after "someone who …". */
  readonly does: string
  /** The names of the attacks of the lab that only this attacker can make. */
  readonly attacks: readonly string[]
}

/** Who can be left out of the question. */
export const ATTACKERS = {
  'plants-cookie': {
    does: "puts a cookie into the user's browser",
    attacks: ['fixation', 'fixation-other-name', 'two-cookies'],
  },
  'writes-cache': { does: 'writes to the cache', attacks: ['write-to-the-cache'] },
  'has-secrets': { does: "finds a backup and the server's secrets", attacks: ['read-a-backup-and-the-secrets'] },
  'finds-backup': { does: 'finds a backup', attacks: ['read-a-backup'] },
  'writes-database': { does: 'writes to the database', attacks: ['alter-rows', 'swap-rows', 'roll-back-rows'] },
  'reads-disk': { does: "reads the server's disk", attacks: ['read-the-files'] },
  'reads-browser': { does: "reads the user's computer", attacks: ['read-the-cookie-jar'] },
  'alters-cookie': { does: 'alters or makes up cookies', attacks: ['alter-a-cookie', 'made-up-tokens'] },
  'copied-cookie': {
    does: 'holds a copied cookie',
    attacks: ['replay-after-logout', 'replay-after-revoke-all', 'renewed-copy'],
  },
} as const satisfies Record<string, Attacker>
/** Somebody against whom the sessions are to be protected. */
export type AttackerName = keyof typeof ATTACKERS

const MADE_BY = new Map<string, AttackerName>(
  Object.entries(ATTACKERS).flatMap(([name, { attacks }]) =>
    attacks.map((attack) => [attack, name as AttackerName] as const),
  ),
)

/**
 * Whose attack it is. Null for accidents, for races that need no attacker, and for an attack that is not in the table: that nobody can
 * leave out, so that a new one is never overlooked.
 */
export const attackerOf = ({ name }: Pick<AttackInfo, 'name'>): AttackerName | null => MADE_BY.get(name) ?? null
