import { describe, expect, it } from 'vitest'
import { cleaned, draftOf, FIELDS, patchOf, refusedFields, reportedOf } from '@/inventory/fields'

const named = (name: string) => {
  const found = FIELDS.find((field) => field.name === name)
  if (found === undefined) throw new Error(name)
  return found
}

describe('what is set over the report of a channel', () => {
  it('is sent where it changed, and only there', () => {
    const before = draftOf({ local: { name: 'Gate', tags: ['school'], retention_days: 30 } })

    expect(patchOf(before, { ...before })).toEqual({})
    expect(patchOf(before, { ...before, name: ' Gate ', retention_days: 90 })).toEqual({
      retention_days: 90,
    })
    expect(patchOf(before, { ...before, tags: ['school', 'night'] })).toEqual({
      tags: ['school', 'night'],
    })
  })

  it('goes back to the report by null, also where a person empties it', () => {
    const before = draftOf({ local: { name: 'Gate', tags: ['school'], maintainer: 'Fixers' } })

    expect(patchOf(before, { ...before, name: null, tags: [], maintainer: '  ' })).toEqual({
      name: null,
      tags: null,
      maintainer: null,
    })
  })

  it('has both halves of a position, whichever changed', () => {
    const before = draftOf({ local: { longitude: 118.3, latitude: 31.3 } })

    expect(patchOf(before, { ...before, longitude: 118.4 })).toEqual({
      longitude: 118.4,
      latitude: 31.3,
    })
    expect(patchOf(before, { ...before, coordinate_system: 'gcj02' })).toEqual({
      coordinate_system: 'gcj02',
    })
  })

  it('stands beside what the device reports', () => {
    const reported = { owner: '', management_unit: 'Bureau', longitude: 0, point_type: null }

    expect(reportedOf(named('department'), { reported })).toBe('Bureau')
    expect(reportedOf(named('longitude'), { reported })).toBe('0')
    expect(reportedOf(named('class'), { reported })).toBeNull()
    expect(reportedOf(named('builder'), { reported })).toBeNull()
  })

  it('is refused at its field, once', () => {
    const errors = [
      { field: 'body.retention_days', message: 'too many' },
      { field: 'body.retention_days', message: 'and again' },
      { field: 'body.patch.tags.0', message: 'too long' },
      { field: 'query.limit', message: 'no field' },
    ]

    expect([...refusedFields(errors)]).toEqual([
      ['retention_days', 'too many'],
      ['tags', 'too long'],
    ])
  })

  it('keeps a zero', () => {
    expect(cleaned(0)).toBe(0)
    expect(cleaned(undefined)).toBeNull()
  })
})
