import { describe, expect, it } from 'vitest'
import type { Schemas } from '@/api/client'
import { heatLines, shadeOf, weekdayOf, worstShare } from '@/figures/heat'

function cell(line: string, hour: number, rate: number | null): Schemas['HeatCell'] {
  return { line, hour, online_rate: rate } as Schemas['HeatCell']
}

describe('a heat map', () => {
  it('has a line of 24 hours for each day, with holes where nothing was counted', () => {
    const [first, second] = heatLines(
      [cell('2026-03-02', 3, 0.5), cell('2026-03-01', 23, 1)],
      null,
    )

    expect([first?.line, second?.line]).toEqual(['2026-03-01', '2026-03-02'])
    expect(first?.cells).toHaveLength(24)
    expect(second?.cells[3]?.online_rate).toBe(0.5)
    expect(second?.cells[4]).toBeUndefined()
  })

  it('shows only the days of a weekday where one was clicked', () => {
    expect(weekdayOf('2026-03-02')).toBe(0)
    const lines = heatLines([cell('2026-03-01', 0, 1), cell('2026-03-02', 0, 1)], 6)

    expect(lines.map(({ line }) => line)).toEqual(['2026-03-01'])
  })

  it('shades against the worst hour, and any offline time at all is seen', () => {
    const lines = heatLines([cell('0', 0, 0.4), cell('0', 1, 0.9999), cell('0', 2, 1), cell('0', 3, null)], null)
    const worst = worstShare(lines)

    expect(worst).toBeCloseTo(0.6)
    expect(lines[0]?.cells.slice(0, 5).map((each) => shadeOf(each, worst))).toEqual([6, 1, 0, null, null])
  })
})
