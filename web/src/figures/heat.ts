import type { Schemas } from '@/api/client'

type HeatCell = Schemas['HeatCell']

const HOURS = Array.from({ length: 24 }, (_, hour) => hour)
/** So many shades between all online and the worst that is shown. */
export const SHADES = 6

export interface HeatLine {
  line: string
  /** One for each hour; undefined where nothing was counted. */
  cells: (HeatCell | undefined)[]
}

/** Monday is 0; days are told by their date, whatever the clock's zone. */
export function weekdayOf(day: string): number {
  return (new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7
}

/** Cells as lines of 24, in order; with a weekday only the days that are one. */
export function heatLines(cells: readonly HeatCell[], weekday: number | null): HeatLine[] {
  const lines = new Map<string, Map<number, HeatCell>>()
  for (const cell of cells) {
    if (weekday !== null && cell.line.length > 1 && weekdayOf(cell.line) !== weekday) continue
    const line = lines.get(cell.line) ?? new Map<number, HeatCell>()
    lines.set(cell.line, line)
    line.set(cell.hour, cell)
  }
  return [...lines]
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([line, hours]) => ({ line, cells: HOURS.map((hour) => hours.get(hour)) }))
}

/** The largest share of offline time of all cells; shades are relative to it. */
export function worstShare(lines: readonly HeatLine[]): number {
  const shares = lines.flatMap(({ cells }) => cells.map((cell) => share(cell) ?? 0))
  return Math.max(0, ...shares)
}

function share(cell: HeatCell | undefined): number | null {
  return cell === undefined || cell.online_rate === null ? null : 1 - cell.online_rate
}

/** 0: nothing was offline, then 1 to `SHADES`; null where nothing was observed. */
export function shadeOf(cell: HeatCell | undefined, worst: number): number | null {
  const offline = share(cell)
  if (offline === null) return null
  if (offline <= 0 || worst <= 0) return 0
  return Math.max(1, Math.ceil((offline / worst) * SHADES - 1e-9))
}
