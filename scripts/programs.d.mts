export interface Program {
  readonly program: string
  /** The Debian package that brings it. */
  readonly package: string
  readonly for: readonly ('tests' | 'bench')[]
  /** Where it is found when the ordinary line does not find it. */
  readonly note?: string
}
export const programs: readonly Program[]
export function find(program: string): string | null
export function installLine(packages: readonly string[]): string
