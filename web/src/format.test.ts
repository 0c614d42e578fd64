import { describe, expect, it } from 'vitest'
import { bitrate, clockTime, fraction, moment, percent } from '@/format'

describe('figures for people', () => {
  it('cuts a ratio, so that 100 % is only what is whole', () => {
    expect(percent(0.999999)).toBe('99.99 %')
    expect(percent(1)).toBe('100.00 %')
    expect(percent(0.29)).toBe('29.00 %')
    expect(percent(null)).toBe('\u2013')
  })

  it('shows hours beyond a day', () => {
    expect(clockTime(93_787)).toBe('26:03:07')
  })

  it('shows bit rates in the unit that fits', () => {
    expect([bitrate(640_400), bitrate(4_210_000)]).toEqual(['640 kbit/s', '4.21 Mbit/s'])
  })

  it('shows a part of a whole', () => {
    expect(fraction(3, 16)).toBe('3 / 16')
  })
})

describe('moment', () => {
  it('shows the clock of the site wherever the browser is', () => {
    expect(moment('2026-02-28T16:30:00+00:00', 'Asia/Shanghai')).toBe('2026-03-01 00:30:00')
    expect(moment('2026-07-01T00:00:00+08:00', 'Europe/Berlin')).toBe('2026-06-30 18:00:00')
  })

  it('shows a dash for what has not been', () => {
    expect(moment(null, 'Asia/Shanghai')).toBe('\u2013')
  })
})
