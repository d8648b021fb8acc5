import type { AttackInfo } from '../lab/report.ts'

interface Attacker {
  /** For people, after "someone who …". */
  readonly does: string
  /** Recognizes attacks of the lab, by their name, title and attacker. */
  readonly attacks: RegExp
}

/** Who can be left out of the question. The first whose pattern fits makes the attack. */
export const ATTACKERS = {
  'plants-cookie': { does: "puts a cookie into the user's browser", attacks: /fixation|\bplant/ },
  'writes-cache': { does: 'writes to the cache', attacks: /writ\w*.{0,12}\bcache\b|\bcache[ -]only/ },
  'has-secrets': {
    does: "finds a backup and the server's secrets",
    attacks: /(?:backup|database|files|rows|disk).*\bsecrets\b/,
  },
  'finds-backup': { does: 'finds a backup', attacks: /\bbackups?\b|\bdump\b/ },
  'writes-database': {
    does: 'writes to the database',
    attacks: /\brows?\b|writ\w*.{0,12}\b(?:database|store|table)\b|roll\w*[ -]back/,
  },
  'reads-disk': { does: "reads the server's disk", attacks: /\bread\w*.{0,20}\b(?:files|disk|database)\b/ },
  'reads-browser': {
    does: "reads the user's computer",
    attacks: /cookie[ -]jar|user's (?:computer|disk|browser)|\bread\w*[ -](?:the[ -])?browser/,
  },
  'alters-cookie': {
    does: 'alters or makes up cookies',
    attacks: /alter\w*.{0,6}cookie|made[ -]up|invent|forge|guess/,
  },
  'copied-cookie': {
    does: 'holds a copied cookie',
    attacks: /replay|\bold\b.{0,6}\bcookie|cop(?:y|ied)\b.{0,12}\bcookie/,
  },
} as const satisfies Record<string, Attacker>
export type AttackerName = keyof typeof ATTACKERS

/**
 * Whose attack it is. Null for accidents, races, and what no pattern knows: that nobody can leave out, so that an attack with a new
 * name is never overlooked.
 */
export function attackerOf({ name, title, attacker }: AttackInfo): AttackerName | null {
  const text = `${name} ${title} ${attacker}`.toLowerCase()
  const found = Object.entries(ATTACKERS).find(([, { attacks }]) => attacks.test(text))
  return found ? (found[0] as AttackerName) : null
}
