import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, type EffectScope } from 'vue'
import { useRecordSearch, type Recording, type RecordSearch, type RecordTools } from '@/device/useRecordSearch'

const GATE = { deviceId: '1', channelId: '2' }
const DAY = { from: new Date('2026-02-28T16:00:00Z'), to: new Date('2026-03-01T16:00:00Z') }

function told(state: string, received: number, items: number[] = [], next_cursor: string | null = null): RecordSearch {
  const recordings = items.map((file_size) => ({ file_size }) as Recording)
  return { job_id: 'j', state, received, announced: 299, items: recordings, next_cursor, slices: 4, slices_done: 1 } as RecordSearch
}

describe('useRecordSearch', () => {
  let scope: EffectScope
  const asked: string[] = []

  function searching(...pages: RecordSearch[]) {
    const world: RecordTools = {
      start: (_channel, { start, end }) => {
        asked.push(`${start} ${end}`)
        return Promise.resolve(told('running', 0))
      },
      page: () => Promise.resolve((pages.length > 1 ? pages.shift() : pages[0]) as RecordSearch),
    }
    return scope.run(() => useRecordSearch(world)) as ReturnType<typeof useRecordSearch>
  }

  beforeEach(() => {
    vi.useFakeTimers()
    asked.length = 0
    scope = effectScope()
  })
  afterEach(() => {
    scope.stop()
    vi.useRealTimers()
  })

  it('asks for the days on the clock of the site and follows the search to its end', async () => {
    const search = searching(
      told('running', 100),
      told('incomplete', 261),
      told('incomplete', 261, [1, 2], 'next'),
      told('incomplete', 261, [3]),
    )
    const done = search.search(GATE, DAY, 'Asia/Shanghai')
    await vi.advanceTimersByTimeAsync(700)
    expect([search.job.value?.received, search.share.value]).toEqual([100, 25])
    await vi.advanceTimersByTimeAsync(700)
    await done

    expect(asked).toEqual(['2026-03-01T00:00:00+08:00 2026-03-02T00:00:00+08:00'])
    expect(search.job.value).toMatchObject({ state: 'incomplete', received: 261, announced: 299 })
    expect(search.found.value.map((one) => one.file_size)).toEqual([1, 2, 3])
    expect(search.isBusy.value).toBe(false)
  })

  it('drops a search that another one followed', async () => {
    const search = searching(told('complete', 1, [1]))
    const first = search.search(GATE, DAY, 'UTC')
    const second = search.search(GATE, DAY, 'UTC')
    await vi.advanceTimersByTimeAsync(1_400)
    await Promise.all([first, second])

    expect(search.found.value).toHaveLength(1)
    expect(search.isBusy.value).toBe(false)
  })
})
