import type { Schemas } from '@/api/client'

/** Which filter of the list of channels a dimension is. */
const FILTER_OF: Partial<Record<Schemas['Dimension'], string>> = {
  division: 'division',
  division_2: 'division',
  division_4: 'division',
  division_6: 'division',
  division_8: 'division',
  own_group: 'own_group',
  group: 'group',
  department: 'department',
  builder: 'builder',
  maintainer: 'maintainer',
  class: 'class',
  site_type: 'site_type',
  manufacturer: 'manufacturer',
  model: 'model',
}
const MAY_BE_EMPTY: readonly string[] = ['own_group', 'department', 'builder', 'maintainer', 'manufacturer', 'model']

/** The filters that list the channels of a row; null where the list has no such filter. */
export function completenessLink(dimension: Schemas['Dimension'], key: string): Record<string, string> | null {
  if (dimension === 'all') return {}
  if (dimension === 'device') return { q: key }
  const filter = FILTER_OF[dimension]
  if (filter === undefined || (key === '' && !MAY_BE_EMPTY.includes(filter))) return null
  return { [filter]: key }
}
