import { describe, expect, it } from 'vitest'
import { filtersOf, queryOf, withFilter } from '@/inventory/filters'

describe('filters of channels', () => {
  it('come out of an address as they went in', () => {
    const filters = {
      status: 'not_commissioned' as const,
      division: '340203',
      ptz_type: 3,
      has_position: false,
      maintainer: 'Fixers',
    }

    expect(queryOf(filters)).toEqual({
      status: 'not_commissioned',
      division: '340203',
      ptz_type: '3',
      has_position: 'false',
      maintainer: 'Fixers',
    })
    expect(filtersOf(queryOf(filters))).toEqual(filters)
  })

  it('may ask for what nobody filled in', () => {
    expect(filtersOf({ department: '', own_group: '' })).toEqual({ department: '', own_group: '' })
  })

  it('leave out what the server would refuse, and what is none', () => {
    const query = { division: '34x', status: 'asleep', ptz_type: '12', class: '', tab: 'list', q: null }

    expect(filtersOf(query)).toEqual({})
  })

  it('are taken away by null', () => {
    expect(withFilter({ q: 'gate', class: '1' }, 'q', null)).toEqual({ class: '1' })
    expect(withFilter({ class: '1' }, 'class', '2')).toEqual({ class: '2' })
  })
})
