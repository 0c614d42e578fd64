import { describe, expect, it } from 'vitest'
import type { Schemas } from '@/api/client'
import { lastDay, pageOf, regionsNow } from '@/screen/model'

type Division = Schemas['Division']

function region(code: string, channels: number, online: number, children: Division[] = []): Division {
  return { code, name: `name of ${code}`, level: 'county', channels, online_channels: online, children } as unknown as Division
}

describe('what a wall shows', () => {
  it('is the last 24 hours and the one that runs', () => {
    const { from, to } = lastDay(new Date('2026-03-02T10:20:00Z'))

    expect([from.toISOString(), to.toISOString()]).toEqual(['2026-03-01T10:00:00.000Z', '2026-03-02T11:00:00.000Z'])
  })

  it('is the regions of a level, worst first, without those that have nothing', () => {
    const tree = [
      region('34', 30, 20, [
        region('3402', 30, 20, [region('340202', 20, 18), region('340207', 10, 2), region('340208', 0, 0)]),
      ]),
      region('', 5, 5),
    ]

    expect(regionsNow(tree, 6).map(({ code, rate }) => [code, rate])).toEqual([
      ['340207', 0.2],
      ['340202', 0.9],
      ['', 1],
    ])
  })

  it('comes page by page', () => {
    expect(pageOf([1, 2, 3], 2, 1)).toEqual([3])
    expect(pageOf([1, 2, 3], 2, 2)).toEqual([1, 2])
    expect(pageOf([], 2, 5)).toEqual([])
  })
})
