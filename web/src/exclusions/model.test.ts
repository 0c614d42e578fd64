import { describe, expect, it } from 'vitest'
import { emptyDraft, missing, orderOf, REFUSALS, type Draft } from '@/exclusions/model'
import { refusalOf } from '@/figures/refusals'

const FULL: Draft = {
  ...emptyDraft(),
  reason: 'planned_sleep',
  order: ' 2026-031 ',
  span: [new Date(2026, 2, 1, 22, 0).getTime(), new Date(2026, 2, 8, 6, 0).getTime()],
  scope: { ...emptyDraft().scope, divisions: ['340202'] },
}

describe('asking for an exclusion', () => {
  it('wants an order, a time and somebody', () => {
    expect(missing(emptyDraft())).toEqual(['order', 'span', 'scope'])
    expect(missing({ ...FULL, isDaily: true })).toEqual(['daily'])
    expect(orderOf(emptyDraft(), 'Asia/Shanghai')).toBeNull()
  })

  it('means the times on the clock of the site, wherever the browser is', () => {
    const order = orderOf({ ...FULL, isDaily: true, dailyStart: '22:00', dailyEnd: '06:00' }, 'Asia/Shanghai')

    expect(order).toMatchObject({
      reason: 'planned_sleep',
      order_number: '2026-031',
      start: '2026-03-01T22:00:00+08:00',
      end: '2026-03-08T06:00:00+08:00',
      daily_start: '22:00',
      daily_end: '06:00',
    })
  })
})

describe('a refusal of the server', () => {
  it.each([
    ['at most 30 days at a time', 'too-long', { days: '30' }],
    ['it has to be asked for within 72 h of its end', 'too-late', { hours: '72' }],
    ['12 channels would be excused for more than 10 days of a month', 'allowance', { channels: '12', days: '10' }],
    ['nobody decides on their own request', 'own', {}],
    ['exclusion 019cad5c-7b40 is approved', 'decided', { status: 'approved' }],
  ])('is put into words: %s', (detail, key, values) => {
    expect(refusalOf(REFUSALS, detail)).toEqual({ key, values })
  })

  it('is left to the server where it is a new one', () => {
    expect(refusalOf(REFUSALS, 'something else')).toBeNull()
  })
})
