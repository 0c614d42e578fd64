import type { LocationQuery, LocationQueryRaw } from 'vue-router'
import type { Schemas } from '@/api/client'
import { PERIODS, type Days, type PeriodName } from '@/figures/periods'

export type Dimension = Schemas['Dimension']

/** What rows can stand for; `all` and `channel` have places of their own on the page. */
export const DIMENSIONS = [
  'division_2',
  'division_4',
  'division_6',
  'division_8',
  'group',
  'own_group',
  'department',
  'builder',
  'maintainer',
  'class',
  'site_type',
  'manufacturer',
  'model',
  'device',
  'parent',
  'platform',
  'segment',
] as const satisfies readonly Dimension[]
export type Grouping = (typeof DIMENSIONS)[number]

export const LEVELS = ['division_2', 'division_4', 'division_6', 'division_8'] as const
export type Level = (typeof LEVELS)[number]

export const TABS = ['ranking', 'crossed', 'heat', 'worst', 'line'] as const
export type Tab = (typeof TABS)[number]

export const HEATS = ['weekday', 'day'] as const
export type Heat = (typeof HEATS)[number]

export const WORST = ['offline_s', 'outages', 'longest_outage_s'] as const
export type WorstBy = (typeof WORST)[number]

export type Filters = Partial<Record<Grouping, string>>

/** Everything that is chosen on the figures page; it stands in the address. */
export interface FigureView {
  tab: Tab
  period: PeriodName
  days: Days | null
  by: Grouping
  across: Grouping
  level: Level
  regions: readonly string[]
  filters: Filters
  /** Null: the site's. */
  target: number | null
  heat: Heat
  weekday: number | null
  worst: WorstBy
}

const MOST_REGIONS = 8
const LONGEST_KEY = 255

/** What was not chosen. `level` is the site's. */
export function usualView(level: Level): FigureView {
  return {
    tab: 'ranking',
    period: 'week',
    days: null,
    by: level,
    across: 'maintainer',
    level,
    regions: [],
    filters: {},
    target: null,
    heat: 'weekday',
    weekday: null,
    worst: 'offline_s',
  }
}

function texts(value: LocationQuery[string] | undefined): string[] {
  const all = Array.isArray(value) ? value : [value]
  return all.filter((each): each is string => typeof each === 'string')
}

function oneOf<T extends string>(known: readonly T[], value: string | undefined, usual: T): T {
  return known.find((each) => each === value) ?? usual
}

/** Reads an address; whatever it has that nobody could choose is left out. */
export function viewOf(query: LocationQuery, usual: FigureView): FigureView {
  const first = (name: string): string | undefined => texts(query[name])[0]
  const filters: Filters = {}
  for (const dimension of DIMENSIONS) {
    const key = first(`in.${dimension}`)
    if (key !== undefined && key.length <= LONGEST_KEY) filters[dimension] = key
  }
  const target = Number(first('target') ?? Number.NaN)
  const weekday = Number(first('weekday') ?? Number.NaN)
  const [from, to] = [first('from'), first('to')]
  return {
    tab: oneOf(TABS, first('tab'), usual.tab),
    period: oneOf(PERIODS, first('period'), usual.period),
    days: from !== undefined && to !== undefined ? [from, to] : null,
    by: oneOf(DIMENSIONS, first('by'), usual.by),
    across: oneOf(DIMENSIONS, first('across'), usual.across),
    level: oneOf(LEVELS, first('level'), usual.level),
    regions: texts(query.region).slice(0, MOST_REGIONS),
    filters,
    target: target > 0 && target <= 1 ? target : null,
    heat: oneOf(HEATS, first('heat'), usual.heat),
    weekday: Number.isInteger(weekday) && weekday >= 0 && weekday <= 6 ? weekday : null,
    worst: oneOf(WORST, first('worst'), usual.worst),
  }
}

/** The address of a view: what differs from the usual one. */
export function queryOf(view: FigureView, usual: FigureView): LocationQueryRaw {
  const query: LocationQueryRaw = {}
  for (const name of ['tab', 'period', 'by', 'across', 'level', 'heat', 'worst'] as const) {
    if (view[name] !== usual[name]) query[name] = view[name]
  }
  if (view.period === 'custom' && view.days !== null) [query.from, query.to] = view.days
  if (view.regions.length > 0) query.region = [...view.regions]
  for (const [dimension, key] of Object.entries(view.filters)) query[`in.${dimension}`] = key
  if (view.target !== null) query.target = String(view.target)
  if (view.weekday !== null) query.weekday = String(view.weekday)
  return query
}

/** Filters as the API names them. */
export function asked(filters: Filters): Record<string, string> {
  return Object.fromEntries(
    Object.entries(filters).map(([dimension, key]) => [
      dimension === 'device' ? 'device_id' : dimension,
      key,
    ]),
  )
}

/** With one more; a filter of the same dimension gives way. */
export function within(filters: Filters, by: Dimension, key: string | null | undefined): Filters {
  const known = DIMENSIONS.find((each) => each === by)
  return known === undefined || key === null || key === undefined ? filters : { ...filters, [known]: key }
}
