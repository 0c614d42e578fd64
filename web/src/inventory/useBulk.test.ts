import { describe, expect, it } from 'vitest'
import { useBulk } from '@/inventory/useBulk'

const channels = Array.from({ length: 2500 }, (_, at) => ({ device_id: '1', channel_id: String(at) }))

describe('the same for many channels', () => {
  it('is sent a thousand at a time, and tells what was refused', async () => {
    const sizes: number[] = []
    const bulk = useBulk(async (some) => {
      sizes.push(some.length)
      const items = some.map((key) => {
        const isDone = key.channel_id !== '1700'
        return { ...key, is_done: isDone, code: isDone ? null : 'not_found', message: null }
      })
      const done = items.filter((item) => item.is_done).length
      return { done, refused: items.length - done, items }
    })

    await bulk.run(channels)

    expect(sizes).toEqual([1000, 1000, 500])
    expect(bulk.done.value).toBe(2499)
    expect(bulk.refused.value.map((item) => item.channel_id)).toEqual(['1700'])
    expect(bulk.isOver.value).toBe(true)
  })

  it('keeps the count of what was done before the server was lost', async () => {
    let calls = 0
    const bulk = useBulk(async (some) => {
      calls += 1
      if (calls === 2) throw new Error('lost')
      return { done: some.length, refused: 0, items: [] }
    })

    await expect(bulk.run(channels)).rejects.toThrow('lost')

    expect(bulk.done.value).toBe(1000)
    expect(bulk.isOver.value).toBe(false)
    expect(bulk.isRunning.value).toBe(false)
  })
})
