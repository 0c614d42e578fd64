import { describe, expect, it } from 'vitest'
import { differences, fileName, monthsOver, progressOf, stageOf } from '@/reports/model'

const SHANGHAI = 'Asia/Shanghai'

describe('the months that can be reported', () => {
  it('end on the cut-off day of the site', () => {
    expect(monthsOver(new Date('2026-01-24T15:59:00Z'), SHANGHAI, 25, 2)).toEqual(['2025-12', '2025-11'])
    expect(monthsOver(new Date('2026-01-24T16:00:00Z'), SHANGHAI, 25, 2)).toEqual(['2026-01', '2025-12'])
  })

  it('are the calendar\'s with a cut-off on the first', () => {
    expect(monthsOver(new Date('2026-03-31T12:00:00Z'), SHANGHAI, 1, 1)).toEqual(['2026-02'])
  })
})

describe('a report that is being made', () => {
  it('is as far as its stages', () => {
    expect(progressOf({ stage: '', done: 0, of: 0 })).toBe(0)
    expect(progressOf({ stage: 'cameras', done: 1, of: 2 })).toBe(43)
    expect([stageOf('proof'), stageOf('')]).toEqual(['proof', 'waiting'])
  })
})

describe('a report that was made again', () => {
  it('tells what differs', () => {
    const same = {
      is_same: false,
      inputs_sha256: 'a',
      frozen_inputs_sha256: 'b',
      figures_sha256: 'c',
      frozen_figures_sha256: 'c',
    }

    expect(differences(same)).toEqual(['inputs'])
  })
})

describe('a file', () => {
  it('is called as the server says', () => {
    expect(fileName('attachment; filename="2026-10-zh.xlsx"', 'x')).toBe('2026-10-zh.xlsx')
    expect(fileName(null, 'report.pdf')).toBe('report.pdf')
  })
})
