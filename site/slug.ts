/** The anchor of a heading as GitHub makes it: lower case, punctuation dropped, spaces to hyphens. Repeated ones get a number behind them. */
export function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')
}
