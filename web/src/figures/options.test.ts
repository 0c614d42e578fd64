import { describe, expect, it } from 'vitest'
import type { OnlineRate } from '@/api/client'
import type { Line, Ranked } from '@/figures/model'
import { barsOption, scaleOf, startsOf, trendOption, type ChartWords, type Colours } from '@/figures/options'

const COLOURS: Colours = {
  font: 'font', text: 'text', faint: 'faint', line: 'line', panel: 'panel', good: 'good', bad: 'bad', doubt: 'doubt',
}
const WORDS: ChartWords = {
  target: 'Target',
  doubtful: (coverage) => `coverage ${coverage}, not enough evidence`,
  coverage: (coverage) => `coverage ${coverage}`,
  nothing: 'nothing',
  name: (row) => row.name,
}

function point(day: number, rate: number | null, coverage: number | null = 1): OnlineRate {
  return { start: `2026-03-0${day}T00:00:00Z`, online_rate: rate, coverage } as OnlineRate
}

const NORTH: Line = { key: 'n', name: 'North', points: [point(1, 0.97), point(2, 0.99996, 0.93)] }
const SOUTH: Line = { key: 's', name: 'South', points: [point(2, null, null), point(3, 0.899999)] }

function option() {
  return trendOption({
    lines: [NORTH, SOUTH],
    target: 0.9,
    coverageLimit: 0.95,
    colours: COLOURS,
    words: WORDS,
    label: (start) => start.slice(8, 10),
  })
}

describe('a line over time', () => {
  it('has a point for each moment, hollow where too little was observed, and gaps', () => {
    const [north, south] = option().series as { data: { value: number | null; symbol: string }[] }[]

    expect(startsOf([NORTH, SOUTH])).toHaveLength(3)
    expect(north?.data).toEqual([
      { value: 97, symbol: 'circle' },
      { value: 99.99, symbol: 'emptyCircle' },
      { value: null, symbol: 'emptyCircle' },
    ])
    expect(south?.data.map(({ value }) => value)).toEqual([null, null, 89.99])
  })

  it('tells why a point is hollow', () => {
    const { formatter } = option().tooltip as { formatter: (found: unknown) => string }

    expect(formatter([{ dataIndex: 1 }])).toBe(
      '02\nNorth: 99.99 %  coverage 93.00 %, not enough evidence\nSouth: nothing',
    )
  })
})

describe('bars of a ranking', () => {
  it('are good, bad, or hollow, by target and evidence', () => {
    const rows = [
      { name: 'North', online_rate: 0.9, coverage: 1 },
      { name: 'South', online_rate: 0.8999, coverage: 1 },
      { name: 'West', online_rate: 1, coverage: 0.9 },
    ] as Ranked[]
    const { series } = barsOption({ rows, target: 0.9, coverageLimit: 0.95, colours: COLOURS, words: WORDS })
    const [{ data } = { data: [] }] = series as {
      data: { itemStyle: { color: string; borderColor: string } }[]
    }[]

    expect(data.map(({ itemStyle }) => [itemStyle.color, itemStyle.borderColor])).toEqual([
      ['good', 'good'],
      ['bad', 'bad'],
      ['transparent', 'doubt'],
    ])
  })
})

describe('an axis', () => {
  it('begins under everything that is shown, the target too', () => {
    expect(scaleOf([0.97, null], 0.9)).toEqual({ min: 85, max: 100, interval: 5 })
    expect(scaleOf([0.6], 0.9)).toEqual({ min: 50, max: 100, interval: 10 })
    expect(scaleOf([0.01], 0.9)).toEqual({ min: 0, max: 100, interval: 20 })
  })
})
