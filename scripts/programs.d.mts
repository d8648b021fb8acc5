export interface Program {
  readonly program: string
  /** The Debian package that brings it. */
  readonly package: string
  readonly for: readonly ('tests' | 'bench')[]
}
export const programs: readonly Program[]
export function find(program: string): string | null
export function installLine(packages: readonly string[]): string
