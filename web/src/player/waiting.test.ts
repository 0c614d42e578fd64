import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { backOffS, Bell, pause } from '@/player/waiting'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const never = (): AbortSignal => new AbortController().signal

describe('backOffS', () => {
  it('grows and stays at half a minute', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 100].map(backOffS)).toEqual([1, 2, 4, 8, 15, 30, 30, 30])
  })
})

describe('pause', () => {
  it('ends with an abort', async () => {
    const abort = new AbortController()
    const waiting = pause(1_000, abort.signal)

    abort.abort()

    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('does not begin when it is aborted already', async () => {
    await expect(pause(1_000, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
  })
})

describe('Bell', () => {
  it('ends a waiting before its time', async () => {
    const bell = new Bell()
    const done = vi.fn()
    void bell.wait(60_000, never()).then(done)

    bell.ring()
    await vi.advanceTimersByTimeAsync(0)

    expect(done).toHaveBeenCalledOnce()
  })

  it('keeps a ring for whoever comes next, once', async () => {
    const bell = new Bell()
    const done = vi.fn()
    bell.ring()

    await bell.wait(60_000, never())
    void bell.wait(60_000, never()).then(done)
    await vi.advanceTimersByTimeAsync(59_000)

    expect(done).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(done).toHaveBeenCalledOnce()
  })

  it('throws when the signal is aborted', async () => {
    const abort = new AbortController()
    const waiting = new Bell().wait(60_000, abort.signal)

    abort.abort()

    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
  })
})
