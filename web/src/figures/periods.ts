import { wallClock } from '@/format'

/** Half-open. */
export interface Period {
  from: Date
  to: Date
}

export const PERIODS = [
  'today',
  'yesterday',
  'week',
  'month',
  'last-month',
  'reporting',
  'custom',
] as const
export type PeriodName = (typeof PERIODS)[number]
export type NamedPeriod = Exclude<PeriodName, 'custom'>

/** Those that end in the present, for looking at what a device holds. */
export const RECENT: readonly PeriodName[] = ['today', 'yesterday', 'week', 'month', 'custom']

/** First and last day as YYYY-MM-DD, both included. */
export type Days = readonly [string, string]

const DAY = /^(\d{4})-(\d{2})-(\d{2})$/
const DAY_MS = 86_400_000

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

/**
 * The days that people ask for, cut on the site's clock.
 *
 * The reporting month is the one that runs: it ends when `cutOffDay` of a month begins; with 1 it
 * is the calendar's.
 */
export function periodOf(name: NamedPeriod, now: Date, zone: string, cutOffDay = 1): Period {
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
    case 'last-month':
      return { from: momentOn(zone, year, month - 1, 1), to: momentOn(zone, year, month, 1) }
    case 'reporting':
      return { from: momentOn(zone, year, day < cutOffDay ? month - 1 : month, cutOffDay), to: now }
  }
}

/** What a period is compared with: the whole one before it, of as many days where it has no name. */
export function periodBefore(name: PeriodName, period: Period, zone: string): Period {
  const [year, month, day] = wallClock(period.from, zone)
  const to = period.from
  switch (name) {
    case 'month':
    case 'last-month':
    case 'reporting':
      return { from: momentOn(zone, year, month - 1, day), to }
    default: {
      const [lastYear, lastMonth, lastDay] = wallClock(new Date(period.to.getTime() - 1), zone)
      const apart = Date.UTC(lastYear, lastMonth - 1, lastDay) - Date.UTC(year, month - 1, day)
      return { from: momentOn(zone, year, month, day - 1 - apart / DAY_MS), to }
    }
  }
}

/** Chosen days as a period; null where they are none. */
export function periodOfDays([first, last]: Days, zone: string): Period | null {
  const [from, to] = [DAY.exec(first), DAY.exec(last)]
  if (from === null || to === null) return null
  const period = {
    from: momentOn(zone, Number(from[1]), Number(from[2]), Number(from[3])),
    to: momentOn(zone, Number(to[1]), Number(to[2]), Number(to[3]) + 1),
  }
  return period.to > period.from ? period : null
}

/** The day that the site's clock shows then, as YYYY-MM-DD. */
export function dayOf(at: Date, zone: string): string {
  return withOffset(at, zone).slice(0, 10)
}

export type Interval = 'hour' | 'day' | 'week' | 'month'

/** How finely a line over a period is cut, so that it has some dozens of points. */
export function intervalOf({ from, to }: Period): Interval {
  const days = (to.getTime() - from.getTime()) / DAY_MS
  if (days <= 2.1) return 'hour'
  if (days <= 62.1) return 'day'
  return days <= 366.1 ? 'week' : 'month'
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
