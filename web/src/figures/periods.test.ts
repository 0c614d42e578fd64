import { describe, expect, it } from 'vitest'
import { momentOn, periodOf, withOffset } from '@/figures/periods'

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
})
