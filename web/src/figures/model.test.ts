import { describe, expect, it } from 'vitest'
import type { OnlineRate } from '@/api/client'
import { change, changeText, crossed, largest, linesOf, ranked, verdictOf } from '@/figures/model'
import { percent } from '@/format'

function row(key: string, rate: number | null, extra: Partial<OnlineRate> = {}): OnlineRate {
  return {
    key,
    name: `name of ${key}`,
    key2: null,
    name2: null,
    start: '2026-03-01T00:00:00Z',
    end: '2026-03-02T00:00:00Z',
    channels: 1,
    online_s: 0,
    proven_s: 0,
    signalled_s: 0,
    offline_s: 0,
    unknown_s: 0,
    excluded_s: 0,
    not_commissioned_s: 0,
    online_rate: rate,
    coverage: 1,
    verdict: 'met',
    samples: null,
    outages: 0,
    mtbf_s: null,
    mttr_s: null,
    longest_outage_s: null,
    ...extra,
  }
}

describe('a ranking', () => {
  it('begins with the best, ends with those without a rate, and knows the period before', () => {
    const found = ranked([row('b', 0.8), row('none', null), row('a', 0.95)], [row('b', 0.85)])

    expect(found.map(({ rank, key, before }) => [rank, key, before])).toEqual([
      [1, 'a', null],
      [2, 'b', 0.85],
      [3, 'none', null],
    ])
  })
})

describe('figures near a target', () => {
  it('are cut, never rounded up to it', () => {
    expect(percent(0.89999)).toBe('89.99 %')
    expect(percent(0.9)).toBe('90.00 %')
    expect(verdictOf({ online_rate: 0.89999, coverage: 1 }, 0.9, 0.95)).toBe('missed')
    expect(verdictOf({ online_rate: 0.9, coverage: 1 }, 0.9, 0.95)).toBe('met')
  })

  it('are no evidence where too little was observed', () => {
    expect(verdictOf({ online_rate: 1, coverage: 0.9499 }, 0.9, 0.95)).toBe('insufficient_evidence')
    expect(verdictOf({ online_rate: null, coverage: null }, 0.9, 0.95)).toBe('insufficient_evidence')
  })

  it('change in percentage points, cut towards zero', () => {
    expect(change(0.95, 0.9)).toBe(5)
    expect(changeText(0.90419, 0.9)).toBe('+0.41')
    expect(changeText(0.88, 0.9)).toBe('-2.00')
    expect(changeText(0.9, 0.900001)).toBe('0.00')
    expect(changeText(0.9, null)).toBe('\u2013')
  })
})

describe('two dimensions', () => {
  it('are lines and columns with a row in each cell that has one', () => {
    const { lines, columns, cell } = crossed([
      row('b', 0.5, { key2: 'x', name2: 'X' }),
      row('a', 0.7, { key2: '', name2: '' }),
    ])

    expect(lines.map(({ key }) => key)).toEqual(['a', 'b'])
    expect(columns.map(({ key }) => key)).toEqual(['', 'x'])
    expect(cell('a', '')?.online_rate).toBe(0.7)
    expect(cell('a', 'x')).toBeUndefined()
  })
})

describe('lines over time', () => {
  it('are in order of time; the largest come first', () => {
    const lines = linesOf([
      row('a', 0.5, { start: '2026-03-02T00:00:00Z', channels: 3 }),
      row('b', 0.6, { channels: 9 }),
      row('a', 0.4, { channels: 2 }),
    ])

    expect(lines[0]?.points.map((point) => point.online_rate)).toEqual([0.4, 0.5])
    expect(largest(lines, 1)).toEqual(['b'])
  })
})
