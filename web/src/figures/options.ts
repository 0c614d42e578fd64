import type { BarSeriesOption, LineSeriesOption } from 'echarts/charts'
import type { GridComponentOption, LegendComponentOption, TooltipComponentOption } from 'echarts/components'
import type { ComposeOption } from 'echarts/core'
import type { OnlineRate } from '@/api/client'
import { isDoubtful, type Line, type Ranked } from '@/figures/model'
import { percent } from '@/format'

export type ChartOption = ComposeOption<
  | BarSeriesOption
  | GridComponentOption
  | LegendComponentOption
  | LineSeriesOption
  | TooltipComponentOption
>

/** Font and colours of the page's theme. */
export interface Colours {
  font: string
  text: string
  faint: string
  line: string
  panel: string
  good: string
  bad: string
  doubt: string
}

/** The words that charts are labelled with. */
export interface ChartWords {
  target: string
  /** "coverage 93.00 %: not enough evidence" */
  doubtful: (coverage: string) => string
  coverage: (coverage: string) => string
  nothing: string
  name: (row: Pick<OnlineRate, 'key' | 'name'>) => string
}

/** Told apart with the usual kinds of colour blindness too. */
const PALETTE = ['#2b79d2', '#e08a2e', '#2f9e6b', '#9a63c9', '#c9a227', '#d2566a', '#2aa5a5', '#8a7a66', '#7d8794']

const HUNDRED = 100
const STEPS = [5, 10] as const
const MOST_STEPS = 5

/** Per cent for an axis; cut like every rate. */
export const points = (rate: number | null): number | null =>
  rate === null ? null : Math.floor(rate * 10_000 + 1e-6) / HUNDRED

/** Where an axis begins, and its steps, so that differences are seen: under all that is shown. */
export function scaleOf(
  rates: readonly (number | null)[],
  target: number,
): { min: number; max: number; interval: number } {
  const lowest = Math.min(target, ...rates.filter((rate): rate is number => rate !== null)) * HUNDRED
  const interval = STEPS.find((step) => HUNDRED - lowest < step * MOST_STEPS - 1) ?? 20
  const min = Math.max(0, Math.floor((lowest - 1) / interval) * interval)
  return { min, max: HUNDRED, interval }
}

function frame(colours: Colours, size: number) {
  return {
    textStyle: { color: colours.text, fontSize: size, fontFamily: colours.font },
    color: PALETTE,
    animation: false,
    aria: { enabled: true },
    // Drawn on the canvas: words of devices become no HTML, and no style needs to be let in.
    tooltip: {
      renderMode: 'richText' as const,
      backgroundColor: colours.panel,
      borderColor: colours.line,
      textStyle: { color: colours.text, fontSize: size },
      confine: true,
    },
  }
}

function targetLine(target: number, colours: Colours, words: ChartWords, size: number, axis: 'x' | 'y') {
  const at = target * HUNDRED
  return {
    silent: true,
    symbol: 'none',
    lineStyle: { color: colours.bad, type: 'dashed' as const, width: 1.5 },
    label: {
      color: colours.bad,
      fontSize: size,
      formatter: `${words.target} ${percent(target)}`,
      position: axis === 'y' ? ('insideEndTop' as const) : ('start' as const),
    },
    data: [axis === 'y' ? { yAxis: at } : { xAxis: at }],
  }
}

export interface TrendInput {
  lines: readonly Line[]
  target: number
  coverageLimit: number
  colours: Colours
  words: ChartWords
  /** How the beginning of an interval is written under the axis. */
  label: (start: string) => string
  size?: number
}

/** All moments at which a line has a point, in order. */
export function startsOf(lines: readonly Line[]): string[] {
  return [...new Set(lines.flatMap((line) => line.points.map((point) => point.start)))].sort()
}

/** Rates over time; a point of too little evidence is hollow, one of none is left out. */
export function trendOption(input: TrendInput): ChartOption {
  const { lines, target, coverageLimit, colours, words, label, size = 12 } = input
  const starts = startsOf(lines)
  const all = lines.flatMap((line) => line.points)
  const tell = (row: OnlineRate | undefined): string => {
    if (row === undefined || row.online_rate === null) return words.nothing
    const coverage = percent(row.coverage)
    const rest = isDoubtful(row, coverageLimit) ? words.doubtful(coverage) : words.coverage(coverage)
    return `${percent(row.online_rate)}  ${rest}`
  }
  const byStart = lines.map((line) => new Map(line.points.map((point) => [point.start, point])))
  return {
    ...frame(colours, size),
    grid: { left: 8, right: 16, top: lines.length > 1 ? size * 3.4 : size * 2, bottom: 4, containLabel: true },
    legend: { show: lines.length > 1, top: 0, textStyle: { color: colours.text, fontSize: size }, type: 'plain' },
    tooltip: {
      ...frame(colours, size).tooltip,
      trigger: 'axis',
      formatter: (found: unknown) => {
        const [{ dataIndex = 0 } = {}] = found as { dataIndex?: number }[]
        const start = starts[dataIndex] ?? ''
        const told = lines.map((line, index) => `${words.name(line)}: ${tell(byStart[index]?.get(start))}`)
        return [label(start), ...told].join('\n')
      },
    },
    xAxis: {
      type: 'category',
      data: starts.map(label),
      boundaryGap: false,
      axisLine: { lineStyle: { color: colours.line } },
      axisLabel: { color: colours.faint, fontSize: size, margin: size, hideOverlap: true },
    },
    yAxis: {
      type: 'value',
      ...scaleOf(all.map((row) => row.online_rate), target),
      axisLabel: { color: colours.faint, fontSize: size, formatter: '{value} %' },
      splitLine: { lineStyle: { color: colours.line } },
    },
    series: lines.map((line, index) => ({
      type: 'line',
      name: words.name(line),
      symbolSize: size * 0.55,
      lineStyle: { width: Math.max(2, size / 7) },
      data: starts.map((start) => {
        const row = byStart[index]?.get(start)
        const isHollow = row === undefined || isDoubtful(row, coverageLimit)
        return { value: points(row?.online_rate ?? null), symbol: isHollow ? 'emptyCircle' : 'circle' }
      }),
      ...(index === 0 ? { markLine: targetLine(target, colours, words, size, 'y') } : {}),
    })),
  }
}

export interface BarsInput {
  rows: readonly Ranked[]
  target: number
  coverageLimit: number
  colours: Colours
  words: ChartWords
  size?: number
}

/** A bar for each row, best on top; hollow where the evidence is too little. */
export function barsOption({ rows, target, coverageLimit, colours, words, size = 12 }: BarsInput): ChartOption {
  const colourOf = (row: Ranked): string => {
    if (isDoubtful(row, coverageLimit)) return colours.doubt
    return (row.online_rate ?? 0) >= target ? colours.good : colours.bad
  }
  return {
    ...frame(colours, size),
    grid: { left: 8, right: size * 5, top: size * 2, bottom: 4, containLabel: true },
    tooltip: {
      ...frame(colours, size).tooltip,
      formatter: (found: unknown) => {
        const row = rows[(found as { dataIndex: number }).dataIndex]
        if (row === undefined) return ''
        const coverage = percent(row.coverage)
        const rest = isDoubtful(row, coverageLimit) ? words.doubtful(coverage) : words.coverage(coverage)
        return `${words.name(row)}\n${percent(row.online_rate)}  ${rest}`
      },
    },
    xAxis: {
      type: 'value',
      ...scaleOf(rows.map((row) => row.online_rate), target),
      axisLabel: { color: colours.faint, fontSize: size, formatter: '{value} %' },
      splitLine: { lineStyle: { color: colours.line } },
    },
    yAxis: {
      type: 'category',
      inverse: true,
      data: rows.map((row) => words.name(row)),
      axisLine: { lineStyle: { color: colours.line } },
      axisTick: { show: false },
      axisLabel: { color: colours.text, fontSize: size, width: size * 13, overflow: 'truncate' },
    },
    series: [
      {
        type: 'bar',
        barMaxWidth: size * 1.5,
        data: rows.map((row) => {
          const colour = colourOf(row)
          const isHollow = isDoubtful(row, coverageLimit)
          return {
            value: points(row.online_rate),
            itemStyle: {
              color: isHollow ? 'transparent' : colour,
              borderColor: colour,
              borderWidth: 1.5,
              borderType: isHollow ? ('dashed' as const) : ('solid' as const),
            },
          }
        }),
        label: {
          show: true,
          position: 'right',
          color: colours.text,
          fontSize: size,
          formatter: ({ dataIndex }) => percent(rows[dataIndex]?.online_rate),
        },
        markLine: targetLine(target, colours, words, size, 'x'),
      },
    ],
  }
}
