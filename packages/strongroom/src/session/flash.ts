/** A list without the items that have this JSON, each removed once; undefined when none is left. */
export function without(list: readonly unknown[], texts: readonly string[]): unknown[] | undefined {
  const gone = [...texts]
  const left = list.filter((item) => {
    const at = gone.indexOf(JSON.stringify(item))
    if (at >= 0) gone.splice(at, 1)
    return at < 0
  })
  return left.length > 0 ? left : undefined
}

/** Another framework that writes the session too may have stored something else than a list; that counts as an empty one. */
export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
