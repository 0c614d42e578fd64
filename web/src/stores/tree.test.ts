import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { statusOf, useTree } from '@/stores/tree'
import { useNews } from '@/stores/news'

type Listener = (event: MessageEvent<string>) => void

class FakeEventSource {
  static last: FakeEventSource
  readyState = 1
  onopen = null
  onerror = null
  private readonly listeners = new Map<string, Listener>()

  constructor() {
    FakeEventSource.last = this
  }
  addEventListener(name: string, listener: Listener): void {
    this.listeners.set(name, listener)
  }
  tell(name: string, data: object): void {
    this.listeners.get(name)?.(new MessageEvent(name, { data: JSON.stringify(data) }))
  }
  close(): void {
    this.readyState = 2
  }
}

function device(id: string, online = 1) {
  return { device_id: id, name: `device ${id}`, status: 'online', channel_count: 2, online_channel_count: online }
}

function channel(deviceId: string, id: string, status = 'online') {
  return { device_id: deviceId, channel_id: id, name: `channel ${id}`, status, state: 'online_signalled' }
}

describe('the tree', () => {
  let asked: string[]
  let answers: Record<string, object>

  const page = (items: object[], next_cursor: string | null = null) => ({ items, next_cursor })
  const keys = (): string[] => useTree().rows.map((row) => row.key)

  beforeEach(() => {
    vi.useFakeTimers()
    asked = []
    answers = {
      '/devices': page([device('1'), device('2')]),
      '/devices/1/channels': page([channel('1', '11'), channel('1', '12')]),
      '/devices/2/channels': page([channel('2', '21')]),
    }
    vi.stubGlobal('EventSource', FakeEventSource)
    vi.stubGlobal('fetch', (request: Request) => {
      const url = new URL(request.url)
      const path = url.pathname.replace('/api/v1', '')
      asked.push(path + url.search)
      const body = answers[path]
      return Promise.resolve(
        body === undefined
          ? Response.json({ code: 'not_found', status: 404, facts: {} }, { status: 404 })
          : Response.json(body),
      )
    })
    setActivePinia(createPinia())
    useNews().open()
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  it('shows a small site with all its channels', async () => {
    await useTree().load()

    expect(keys()).toEqual(['1', '1/11', '1/12', '2', '2/21'])
  })

  it('loads the channels of a large site only when a device is opened', async () => {
    answers['/devices'] = page(
      Array.from({ length: 50 }, (_, index) => device(String(index + 1))),
      'more',
    )
    const tree = useTree()
    await tree.load()
    expect(asked).toEqual(['/devices?limit=200'])

    await tree.toggle('1')

    expect(keys().slice(0, 4)).toEqual(['1', '1/11', '1/12', '2'])
  })

  it('goes on with the next page', async () => {
    answers['/devices'] = page([device('1')], 'more')
    const tree = useTree()
    await tree.load()

    answers['/devices'] = page([device('2')])
    await tree.loadMore()
    await tree.loadMore()

    expect(keys()).toEqual(['1', '2'])
    expect(asked.filter((path) => path.includes('cursor=more'))).toHaveLength(1)
  })

  it('asks the server for what is typed, devices and channels alike', async () => {
    answers['/devices'] = page([])
    answers['/channels'] = page([channel('2', '21')])
    const tree = useTree()

    tree.search('gate')
    await vi.advanceTimersByTimeAsync(0)

    expect(asked).toEqual(['/devices?limit=200&q=gate', '/channels?q=gate&limit=300'])
    expect(keys()).toEqual(['2/21'])
  })

  it('follows a channel that goes offline, and the counts of its device', async () => {
    const tree = useTree()
    await tree.load()
    tree.follow()
    answers['/devices/1'] = device('1', 0)

    FakeEventSource.last.tell('channel_state_changed', {
      device_id: '1',
      channel_id: '11',
      state: 'offline',
      cause: 'device',
      at: '',
    })
    const row = tree.rows[1]
    expect(row?.kind === 'channel' && row.channel.status).toBe('offline')
    await vi.advanceTimersByTimeAsync(400)

    const first = tree.rows[0]
    expect(first?.kind === 'device' && first.device.online_channel_count).toBe(0)
  })

  it('reads a device once however many events tell of it in a moment', async () => {
    const tree = useTree()
    await tree.load()
    tree.follow()
    answers['/devices/1'] = device('1')
    asked = []

    for (let times = 0; times < 30; times += 1) {
      FakeEventSource.last.tell('device_came_online', { device_id: '1', cause: 'registered', at: '' })
    }
    await vi.advanceTimersByTimeAsync(400)

    expect(asked).toEqual(['/devices/1'])
  })

  it('reads everything again when events were missed', async () => {
    const tree = useTree()
    await tree.load()
    tree.follow()
    asked = []

    FakeEventSource.last.tell('resync', {})
    await vi.advanceTimersByTimeAsync(0)

    expect(asked[0]).toBe('/devices?limit=200')
  })

  it('drops a device that was removed, and adds one that came', async () => {
    const tree = useTree()
    await tree.load()
    tree.follow()
    answers['/devices/3'] = device('3')
    answers['/devices/3/channels'] = page([])

    FakeEventSource.last.tell('device_removed', { device_id: '2', at: '' })
    FakeEventSource.last.tell('device_added', { device_id: '3', at: '' })
    await vi.advanceTimersByTimeAsync(400)

    expect(keys()).toEqual(['1', '1/11', '1/12', '3'])
  })

  it('keeps the error for the person to see', async () => {
    delete answers['/devices']

    await useTree().load()

    expect(useTree().error?.problem.code).toBe('not_found')
  })
})

describe('statusOf', () => {
  it('maps ledger states as the server does', () => {
    expect(['online_proven', 'online_signalled', 'offline', 'excluded', 'not_commissioned'].map(statusOf)).toEqual([
      'online',
      'online',
      'offline',
      'offline',
      'not_commissioned',
    ])
  })
})
