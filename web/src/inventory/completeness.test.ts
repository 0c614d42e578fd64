import { describe, expect, it } from 'vitest'
import { completenessLink } from '@/inventory/completeness'

describe('the channels behind a row of file completeness', () => {
  it('are listed by the filter of that dimension', () => {
    expect(completenessLink('division_6', '340203')).toEqual({ division: '340203' })
    expect(completenessLink('maintainer', '')).toEqual({ maintainer: '' })
    expect(completenessLink('all', 'all')).toEqual({})
  })

  it('cannot be listed where the list has no such filter', () => {
    expect(completenessLink('segment', '192.0.2.0/24')).toBeNull()
    expect(completenessLink('class', '')).toBeNull()
  })
})
