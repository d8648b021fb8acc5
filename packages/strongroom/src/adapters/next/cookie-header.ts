/** A Cookie header in which one cookie has this value and no other; empty for none. */
export function cookieWith(header: string, name: string, value: string): string {
  const others = header.split(';').filter((pair) => pair.trim() !== '' && !pair.trimStart().startsWith(`${name}=`))
  return [...others.map((pair) => pair.trim()), ...(value === '' ? [] : [`${name}=${value}`])].join('; ')
}
