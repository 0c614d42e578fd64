import { describe, expect, it } from 'vitest'
import { csvOf } from '@/figures/csv'

describe('a file for a spreadsheet', () => {
  it('keeps IDs digits and formulas texts', () => {
    const file = csvOf(
      ['id', 'name', 'rate'],
      [
        ['34020000001320000001', '=HYPERLINK("x")', 0.9],
        ['340202', 'Gate, north', null],
      ],
    )

    expect(file).toBe(
      '\ufeffid,name,rate\r\n"34020000001320000001\t","\'=HYPERLINK(""x"")",0.9\r\n340202,"Gate, north",\r\n',
    )
  })
})
