import type { LocationQuery } from 'vue-router'
import type { Status } from '@/api/client'
import type { paths } from '@/api/schema'

type Asked = NonNullable<paths['/api/v1/channels']['get']['parameters']['query']>

/** Which channels are wanted, as `GET /channels` takes it; null is not told. */
export type Filters = {
  [Name in keyof Omit<Asked, 'limit' | 'cursor' | 'total'>]?: NonNullable<Asked[Name]>
}
export type FilterName = keyof Filters

export const STATUSES: readonly Status[] = ['online', 'offline', 'unknown', 'not_commissioned']
export const PTZ_TYPES = [1, 2, 3, 4, 5, 6, 7] as const

/** Longest value, or the form, that the server takes of each. */
const TEXTS = {
  q: /^.{1,255}$/,
  division: /^\d{1,8}$/,
  group: /^.{1,20}$/,
  own_group: /^.{0,36}$/,
  class: /^.{1,2}$/,
  site_type: /^\d{1,7}$/,
  department: /^.{0,255}$/,
  builder: /^.{0,255}$/,
  project: /^.{0,255}$/,
  maintainer: /^.{0,255}$/,
  manufacturer: /^.{0,255}$/,
  model: /^.{0,255}$/,
  tag: /^.{1,255}$/,
  unit: /^.{1,255}$/,
  mobile_device_type: /^.{1,2}$/,
  security_level: /^[ABC]$/,
} satisfies { [Name in FilterName]?: RegExp }

export const TEXT_FILTERS = Object.keys(TEXTS) as (keyof typeof TEXTS)[]

function first(value: LocationQuery[string] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null
}

/** The filters in an address; what the server would refuse is left out. */
export function filtersOf(query: LocationQuery): Filters {
  const found: Filters = {}
  for (const name of TEXT_FILTERS) {
    const value = first(query[name])
    if (value !== null && TEXTS[name].test(value)) found[name] = value
  }
  const status = STATUSES.find((each) => each === first(query.status))
  if (status !== undefined) found.status = status
  const ptz = PTZ_TYPES.find((each) => String(each) === first(query.ptz_type))
  if (ptz !== undefined) found.ptz_type = ptz
  const position = first(query.has_position)
  if (position === 'true' || position === 'false') found.has_position = position === 'true'
  return found
}

/** The same filters with one of them set, or taken away by null. */
export function withFilter<Name extends FilterName>(
  filters: Filters,
  name: Name,
  value: Filters[Name] | null,
): Filters {
  const others = Object.entries(filters).filter(([other]) => other !== name)
  return Object.fromEntries(value === null || value === undefined ? others : [...others, [name, value]])
}

/** Filters as they stand in an address. */
export function queryOf(filters: Filters): Record<string, string> {
  return Object.fromEntries(
    Object.entries(filters).map(([name, value]) => [name, String(value)]),
  )
}
