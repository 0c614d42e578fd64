import { describe, expect, it } from 'vitest'
import { asked, queryOf, usualView, viewOf, within, type FigureView } from '@/figures/view'

const USUAL = usualView('division_6')

describe('a view in the address', () => {
  it('says nothing of what is as usual', () => {
    expect(queryOf(USUAL, USUAL)).toEqual({})
    expect(viewOf({}, USUAL)).toEqual(USUAL)
  })

  it('comes back as it was sent to a colleague', () => {
    const view: FigureView = {
      ...USUAL,
      tab: 'crossed',
      period: 'custom',
      days: ['2026-03-01', '2026-03-31'],
      by: 'manufacturer',
      across: 'device',
      regions: ['340202', '340207'],
      filters: { division_6: '340202', maintainer: '' },
      target: 0.95,
      weekday: 6,
      worst: 'outages',
    }
    const query = queryOf(view, USUAL)

    expect(query).toEqual({
      tab: 'crossed',
      period: 'custom',
      from: '2026-03-01',
      to: '2026-03-31',
      by: 'manufacturer',
      across: 'device',
      region: ['340202', '340207'],
      'in.division_6': '340202',
      'in.maintainer': '',
      target: '0.95',
      weekday: '6',
      worst: 'outages',
    })
    expect(viewOf(query as Record<string, string>, USUAL)).toEqual(view)
  })

  it('takes nothing that nobody could choose', () => {
    const view = viewOf(
      { tab: 'colour', period: 'century', by: ['x'], target: '7', weekday: '9', worst: '', level: '3' },
      USUAL,
    )

    expect(view).toEqual(USUAL)
  })
})

describe('filters', () => {
  it('are named as the API names them', () => {
    expect(asked({ device: '34020000001180000001', class: '1' })).toEqual({
      device_id: '34020000001180000001',
      class: '1',
    })
  })

  it('grow by the row that was clicked, also by one that nobody named', () => {
    expect(within({ division_6: '340202' }, 'maintainer', '')).toEqual({
      division_6: '340202',
      maintainer: '',
    })
  })

  it('do not grow by the row of all', () => {
    expect(within({}, 'all', 'all')).toEqual({})
  })
})
