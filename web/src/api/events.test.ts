import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EventStream, type EventSourceLike } from '@/api/events'

class FakeSource implements EventSourceLike {
  readyState = 0
  onopen: ((event: Event) => void) | null = null
  onerror: ((event: Event) => void) | null = null
  private readonly listeners = new Map<string, (event: MessageEvent<string>) => void>()

  addEventListener(name: string, listener: (event: MessageEvent<string>) => void): void {
    this.listeners.set(name, listener)
  }
  tell(name: string, data: object): void {
    this.listeners.get(name)?.(new MessageEvent(name, { data: JSON.stringify(data) }))
  }
  connect(): void {
    this.readyState = 1
    this.onopen?.(new Event('open'))
  }
  fail(readyState: number): void {
    this.readyState = readyState
    this.onerror?.(new Event('error'))
  }
  close(): void {
    this.readyState = 2
  }
}

describe('EventStream', () => {
  let sources: FakeSource[]
  let connected: boolean[]
  let stream: EventStream

  beforeEach(() => {
    vi.useFakeTimers()
    sources = []
    connected = []
    stream = new EventStream({
      open: () => {
        const source = new FakeSource()
        sources.push(source)
        return source
      },
      onConnected: (is) => connected.push(is),
    })
  })
  afterEach(() => {
    stream.close()
    vi.useRealTimers()
  })

  it('tells each listener of its own events until it stops', () => {
    const heard = vi.fn()
    const stop = stream.on('device_added', heard)
    stream.open()

    sources[0]?.tell('device_added', { device_id: '1' })
    sources[0]?.tell('device_removed', { device_id: '1' })
    stop()
    sources[0]?.tell('device_added', { device_id: '2' })

    expect(heard.mock.calls).toEqual([[{ device_id: '1' }]])
  })

  it('leaves it to the browser to resume a broken stream', async () => {
    stream.open()
    sources[0]?.connect()

    sources[0]?.fail(0)
    await vi.advanceTimersByTimeAsync(60_000)

    expect(sources).toHaveLength(1)
    expect(connected).toEqual([true, false])
  })

  it('opens another with growing pauses where the browser gives up, then tells to read again', async () => {
    const resync = vi.fn()
    stream.on('resync', resync)
    stream.open()

    sources[0]?.fail(2)
    await vi.advanceTimersByTimeAsync(1_000)
    sources[1]?.fail(2)
    await vi.advanceTimersByTimeAsync(1_999)
    expect(sources).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(1)
    sources[2]?.connect()

    expect(resync).toHaveBeenCalledOnce()
  })

  it('opens no other after it was closed', async () => {
    stream.open()
    sources[0]?.fail(2)

    stream.close()
    await vi.advanceTimersByTimeAsync(60_000)

    expect(sources).toHaveLength(1)
  })
})
