/** How the server says no, what we call that, and the names of the values in it, in their order. */
export type Refusals = readonly (readonly [RegExp, string, ...string[]])[]

export interface Refusal {
  key: string
  values: Record<string, string>
}

/** A refusal in words of the page; null where only the server's own words are left. */
export function refusalOf(refusals: Refusals, detail: string): Refusal | null {
  for (const [pattern, key, ...names] of refusals) {
    const found = pattern.exec(detail)
    if (found === null) continue
    const values = Object.fromEntries(names.map((name, at) => [name, found[at + 1] ?? '']))
    return { key, values }
  }
  return null
}
