import { wallClock } from '@/format'

/** Half-open. */
export interface Period {
  from: Date
  to: Date
}

export const PERIODS = ['today', 'yesterday', 'week', 'month', 'custom'] as const
export type PeriodName = (typeof PERIODS)[number]

const MINUTE_MS = 60_000

/** How far the site's clock is ahead of UTC at a moment. */
function offsetMs(at: Date, zone: string): number {
  const [year, month, day, hour, minute, second] = wallClock(at, zone)
  const shown = Date.UTC(year, month - 1, day, hour, minute, second)
  return shown - Math.floor(at.getTime() / 1000) * 1000
}

/** The moment at which the site's clock shows that; days and months may run over. */
export function momentOn(
  zone: string,
  year: number,
  month: number,
  day: number,
  hour = 0,
  minute = 0,
): Date {
  const shown = Date.UTC(year, month - 1, day, hour, minute)
  // Twice: the first guess may lie on the other side of a change of the clock.
  const guess = new Date(shown - offsetMs(new Date(shown), zone))
  return new Date(shown - offsetMs(guess, zone))
}

/** The days that people ask for, cut on the site's clock. */
export function periodOf(name: Exclude<PeriodName, 'custom'>, now: Date, zone: string): Period {
  const [year, month, day] = wallClock(now, zone)
  const midnight = momentOn(zone, year, month, day)
  switch (name) {
    case 'today':
      return { from: midnight, to: now }
    case 'yesterday':
      return { from: momentOn(zone, year, month, day - 1), to: midnight }
    case 'week':
      return { from: momentOn(zone, year, month, day - 6), to: now }
    case 'month':
      return { from: momentOn(zone, year, month, 1), to: now }
  }
}

/** RFC 3339 with the offset that holds on the site's clock then. */
export function withOffset(at: Date, zone: string): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const [year, month, day, hour, minute, second] = wallClock(at, zone)
  const minutes = Math.round(offsetMs(at, zone) / MINUTE_MS)
  const sign = minutes < 0 ? '-' : '+'
  const away = Math.abs(minutes)
  const date = `${year}-${two(month)}-${two(day)}`
  const time = `${two(hour)}:${two(minute)}:${two(second)}`
  return `${date}T${time}${sign}${two(Math.floor(away / 60))}:${two(away % 60)}`
}
