import type { OnlineRate } from '@/api/client'

/** Identifies a row of one key or two. */
export function rowKey(row: Pick<OnlineRate, 'key' | 'key2'>): string {
  return row.key2 === null ? row.key : `${row.key}\u0000${row.key2}`
}

/** A row with what it was in the period before. */
export interface Ranked extends OnlineRate {
  rank: number
  /** Rate before; null where it could not be judged, or had nothing. */
  before: number | null
}

/** Best first; those without a rate last. Equal rates come by key. */
export function ranked(rows: readonly OnlineRate[], before: readonly OnlineRate[]): Ranked[] {
  const earlier = new Map(before.map((row) => [rowKey(row), row.online_rate]))
  return [...rows]
    .sort((one, other) => rate(other) - rate(one) || one.key.localeCompare(other.key))
    .map((row, index) => ({
      ...row,
      rank: index + 1,
      before: earlier.get(rowKey(row)) ?? null,
    }))
}

const rate = (row: OnlineRate): number => row.online_rate ?? -1

/** In percentage points with two places, cut towards zero: what was not gained is not shown. */
export function change(now: number | null, before: number | null): number | null {
  if (now === null || before === null) return null
  const points = (now - before) * 100
  const cut = Math.trunc(points * 100 + Math.sign(points) * 1e-6) / 100
  return cut === 0 ? 0 : cut
}

/** A change as it is shown: +0.41, -2.00; words only where there is none. */
export function changeText(now: number | null, before: number | null): string {
  const points = change(now, before)
  if (points === null) return '\u2013'
  return `${points > 0 ? '+' : ''}${points.toFixed(2)}`
}

/** Rows of one dimension crossed with another. */
export interface Crossed {
  lines: { key: string; name: string }[]
  columns: { key: string; name: string }[]
  cell: (line: string, column: string) => OnlineRate | undefined
}

/** Lines and columns in the order of their first row. */
export function crossed(rows: readonly OnlineRate[]): Crossed {
  const lines = new Map<string, string>()
  const columns = new Map<string, string>()
  const cells = new Map<string, OnlineRate>()
  for (const row of rows) {
    lines.set(row.key, row.name)
    columns.set(row.key2 ?? '', row.name2 ?? '')
    cells.set(rowKey({ key: row.key, key2: row.key2 ?? '' }), row)
  }
  const listed = (names: ReadonlyMap<string, string>) =>
    [...names].map(([key, name]) => ({ key, name })).sort((one, other) => one.key.localeCompare(other.key))
  return {
    lines: listed(lines),
    columns: listed(columns),
    cell: (line, column) => cells.get(rowKey({ key: line, key2: column })),
  }
}

/** The line of a region over time. */
export interface Line {
  key: string
  name: string
  points: OnlineRate[]
}

/** Rows in intervals as lines, each in order of time. */
export function linesOf(rows: readonly OnlineRate[]): Line[] {
  const lines = new Map<string, Line>()
  for (const row of rows) {
    const line = lines.get(row.key) ?? { key: row.key, name: row.name, points: [] }
    lines.set(row.key, line)
    line.points.push(row)
  }
  for (const line of lines.values()) {
    line.points.sort((one, other) => one.start.localeCompare(other.start))
  }
  return [...lines.values()]
}

/** The regions that a chart begins with: those with most channels. */
export function largest(lines: readonly Line[], count: number): string[] {
  const channels = (line: Line): number => line.points[line.points.length - 1]?.channels ?? 0
  return [...lines]
    .sort((one, other) => channels(other) - channels(one))
    .slice(0, count)
    .map((line) => line.key)
}


/** Whether so little was observed that a figure is no evidence. */
export function isDoubtful(row: Pick<OnlineRate, 'coverage' | 'online_rate'>, limit: number): boolean {
  return row.online_rate === null || row.coverage === null || row.coverage < limit
}

/** Against a target of one's own; the server's verdict is about the site's. */
export function verdictOf(
  row: Pick<OnlineRate, 'coverage' | 'online_rate'>,
  target: number,
  coverageLimit: number,
): OnlineRate['verdict'] {
  if (row.online_rate === null || isDoubtful(row, coverageLimit)) return 'insufficient_evidence'
  return row.online_rate >= target ? 'met' : 'missed'
}
