import { describe, expect, it } from 'vitest'
import {
  dayOf,
  intervalOf,
  momentOn,
  periodBefore,
  periodOf,
  periodOfDays,
  withOffset,
} from '@/figures/periods'

const SHANGHAI = 'Asia/Shanghai'
const BERLIN = 'Europe/Berlin'
const NOW = new Date('2026-03-01T17:20:00Z')

function shown(name: Parameters<typeof periodOf>[0], zone = SHANGHAI): [string, string] {
  const { from, to } = periodOf(name, NOW, zone)
  return [withOffset(from, zone), withOffset(to, zone)]
}

describe('periods on the site clock', () => {
  it('begins today at the midnight of the site', () => {
    expect(shown('today')).toEqual(['2026-03-02T00:00:00+08:00', '2026-03-02T01:20:00+08:00'])
  })

  it('cuts yesterday at two midnights', () => {
    expect(shown('yesterday')).toEqual(['2026-03-01T00:00:00+08:00', '2026-03-02T00:00:00+08:00'])
  })

  it('counts seven days with today', () => {
    expect(shown('week')[0]).toBe('2026-02-24T00:00:00+08:00')
  })

  it('begins the month on its first day', () => {
    expect(shown('month')[0]).toBe('2026-03-01T00:00:00+08:00')
  })

  it('keeps midnight over a change of the clock', () => {
    expect(withOffset(momentOn(BERLIN, 2026, 3, 29), BERLIN)).toBe('2026-03-29T00:00:00+01:00')
    expect(withOffset(momentOn(BERLIN, 2026, 3, 30), BERLIN)).toBe('2026-03-30T00:00:00+02:00')
  })

  it('writes offsets west of Greenwich and of half hours', () => {
    expect(withOffset(NOW, 'America/St_Johns')).toBe('2026-03-01T13:50:00-03:30')
  })

  it('knows the month before and the reporting month that runs', () => {
    const cut = (day: number): string => dayOf(periodOf('reporting', NOW, SHANGHAI, day).from, SHANGHAI)

    expect(shown('last-month')).toEqual(['2026-02-01T00:00:00+08:00', '2026-03-01T00:00:00+08:00'])
    expect([cut(25), cut(2), cut(1)]).toEqual(['2026-02-25', '2026-03-02', '2026-03-01'])
  })

  it('compares with the whole period before', () => {
    const before = (name: Parameters<typeof periodOf>[0]): string[] => {
      const { from, to } = periodBefore(name, periodOf(name, NOW, SHANGHAI, 25), SHANGHAI)
      return [dayOf(from, SHANGHAI), dayOf(to, SHANGHAI)]
    }

    expect(before('today')).toEqual(['2026-03-01', '2026-03-02'])
    expect(before('week')).toEqual(['2026-02-17', '2026-02-24'])
    expect(before('month')).toEqual(['2026-02-01', '2026-03-01'])
    expect(before('reporting')).toEqual(['2026-01-25', '2026-02-25'])
  })

  it('takes chosen days whole, and none that end before they begin', () => {
    const period = periodOfDays(['2026-03-29', '2026-03-29'], BERLIN)

    expect((period?.to.getTime() ?? 0) - (period?.from.getTime() ?? 0)).toBe(23 * 3_600_000)
    expect(periodOfDays(['2026-03-02', '2026-02-02'], BERLIN)).toBeNull()
    expect(periodOfDays(['yesterday', 'x'], BERLIN)).toBeNull()
  })

  it('cuts long periods more coarsely', () => {
    const over = (days: number): string => {
      const to = new Date(NOW.getTime() + days * 86_400_000)
      return intervalOf({ from: NOW, to })
    }

    expect([1, 2, 7, 62, 90, 366, 800].map(over)).toEqual([
      'hour', 'hour', 'day', 'day', 'week', 'week', 'month',
    ])
  })
})
