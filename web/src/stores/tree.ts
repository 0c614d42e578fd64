import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { api, ApiError, take, type Channel, type Device, type Status } from '@/api/client'
import { useNews } from '@/stores/news'

const DEVICES_PER_PAGE = 200
const CHANNELS_PER_PAGE = 1000
const HITS = 300
/** A site this small is shown with all its channels. */
const SMALL_SITE = 40
const GATHER_MS = 300
const MANY_CHANGES = 20

export type TreeRow =
  | { kind: 'device'; key: string; device: Device; isOpen: boolean }
  | { kind: 'channel'; key: string; channel: Channel; level: 1 | 2 }

/** The status that a ledger state stands for, as the server maps them. */
export function statusOf(state: string): Status {
  if (state.startsWith('online')) return 'online'
  if (state === 'not_commissioned') return state
  return state === 'offline' || state === 'excluded' ? 'offline' : 'unknown'
}

/** Devices and channels of the live page: loaded as they are looked at, kept fresh by events. */
export const useTree = defineStore('tree', () => {
  const devices = shallowRef<Device[]>([])
  const channels = shallowRef(new Map<string, Channel[]>())
  const hits = shallowRef<Channel[]>([])
  const open = shallowRef(new Set<string>())
  const query = ref('')
  const isLoading = ref(false)
  const error = shallowRef<ApiError | null>(null)
  const nextCursor = ref<string | null>(null)
  const changed = new Set<string>()
  let gathering: ReturnType<typeof setTimeout> | undefined
  let generation = 0

  const rows = computed<TreeRow[]>(() => {
    const list: TreeRow[] = []
    for (const device of devices.value) {
      const id = device.device_id
      const isOpen = open.value.has(id)
      list.push({ kind: 'device', key: id, device, isOpen })
      if (!isOpen) continue
      for (const channel of channels.value.get(id) ?? []) {
        list.push({ kind: 'channel', key: `${id}/${channel.channel_id}`, channel, level: 2 })
      }
    }
    for (const channel of hits.value) {
      if (open.value.has(channel.device_id)) continue
      const key = `${channel.device_id}/${channel.channel_id}`
      list.push({ kind: 'channel', key, channel, level: 1 })
    }
    return list
  })

  function devicePage(cursor: string | null) {
    const q = query.value.trim()
    return take(
      api.GET('/api/v1/devices', {
        params: {
          query: {
            limit: DEVICES_PER_PAGE,
            ...(cursor === null ? {} : { cursor }),
            ...(q === '' ? {} : { q }),
          },
        },
      }),
    )
  }

  async function channelHits(): Promise<Channel[]> {
    const q = query.value.trim()
    if (q === '') return []
    const page = await take(api.GET('/api/v1/channels', { params: { query: { q, limit: HITS } } }))
    return page.items
  }

  /** Reads from the start, by the words in the search box. */
  async function load(): Promise<void> {
    const mine = ++generation
    isLoading.value = true
    try {
      const [page, found] = await Promise.all([devicePage(null), channelHits()])
      if (mine !== generation) return
      devices.value = page.items
      hits.value = found
      nextCursor.value = page.next_cursor
      error.value = null
      if (query.value === '' && page.next_cursor === null && page.items.length <= SMALL_SITE) {
        open.value = new Set(page.items.map((device) => device.device_id))
      }
      await Promise.all([...open.value].map((id) => loadChannels(id)))
    } catch (caught) {
      if (!(caught instanceof ApiError)) throw caught
      if (mine === generation) error.value = caught
    } finally {
      if (mine === generation) isLoading.value = false
    }
  }

  /** The next page, when the list has been scrolled to its end. */
  async function loadMore(): Promise<void> {
    if (isLoading.value || nextCursor.value === null) return
    const mine = generation
    isLoading.value = true
    try {
      const page = await devicePage(nextCursor.value)
      if (mine !== generation) return
      devices.value = [...devices.value, ...page.items]
      nextCursor.value = page.next_cursor
    } catch (caught) {
      if (!(caught instanceof ApiError)) throw caught
      error.value = caught
    } finally {
      if (mine === generation) isLoading.value = false
    }
  }

  async function loadChannels(deviceId: string): Promise<void> {
    const all: Channel[] = []
    let cursor: string | null = null
    do {
      const page: { items: Channel[]; next_cursor: string | null } = await take(
        api.GET('/api/v1/devices/{device_id}/channels', {
          params: {
            path: { device_id: deviceId },
            query: { limit: CHANNELS_PER_PAGE, ...(cursor === null ? {} : { cursor }) },
          },
        }),
      )
      all.push(...page.items)
      cursor = page.next_cursor
    } while (cursor !== null)
    channels.value = new Map(channels.value).set(deviceId, all)
  }

  async function toggle(deviceId: string, wanted = !open.value.has(deviceId)): Promise<void> {
    const next = new Set(open.value)
    if (wanted) next.add(deviceId)
    else next.delete(deviceId)
    open.value = next
    if (wanted) await loadChannels(deviceId)
  }

  function search(words: string): void {
    query.value = words
    open.value = new Set()
    void load()
  }

  function channelChanged(deviceId: string, channelId: string, state: string): void {
    const fresh = (channel: Channel): Channel =>
      channel.device_id === deviceId && channel.channel_id === channelId
        ? { ...channel, state: state as Channel['state'], status: statusOf(state) }
        : channel
    const listed = channels.value.get(deviceId)
    if (listed !== undefined) {
      channels.value = new Map(channels.value).set(deviceId, listed.map(fresh))
    }
    hits.value = hits.value.map(fresh)
  }

  /** Many events about one device within a moment become one reading of it. */
  function deviceChanged(deviceId: string): void {
    changed.add(deviceId)
    gathering ??= setTimeout(() => {
      gathering = undefined
      const ids = [...changed]
      changed.clear()
      if (ids.length > MANY_CHANGES) void load()
      else void Promise.all(ids.map(refresh))
    }, GATHER_MS)
  }

  async function refresh(deviceId: string): Promise<void> {
    try {
      const device = await take(
        api.GET('/api/v1/devices/{device_id}', { params: { path: { device_id: deviceId } } }),
      )
      const isListed = devices.value.some((listed) => listed.device_id === deviceId)
      if (!isListed && query.value === '' && nextCursor.value === null) {
        devices.value = [...devices.value, device].sort((one, other) =>
          one.device_id < other.device_id ? -1 : 1,
        )
        if (devices.value.length <= SMALL_SITE) await toggle(deviceId, true)
        return
      }
      const before = devices.value.find((listed) => listed.device_id === deviceId)
      devices.value = devices.value.map((listed) =>
        listed.device_id === deviceId ? device : listed,
      )
      if (before?.channel_count !== device.channel_count && open.value.has(deviceId)) {
        await loadChannels(deviceId)
      }
    } catch (caught) {
      if (!(caught instanceof ApiError)) throw caught
      if (caught.problem.status === 404) {
        devices.value = devices.value.filter((listed) => listed.device_id !== deviceId)
      }
    }
  }

  /** Hears the server's events from now on; the result stops that. */
  function follow(): () => void {
    const news = useNews()
    const stops = [
      news.on('resync', () => void load()),
      news.on('device_came_online', (event) => deviceChanged(event.device_id)),
      news.on('device_went_offline', (event) => deviceChanged(event.device_id)),
      news.on('device_added', (event) => deviceChanged(event.device_id)),
      news.on('device_removed', (event) => deviceChanged(event.device_id)),
      news.on('catalog_changed', (event) => {
        if (open.value.has(event.device_id)) void loadChannels(event.device_id)
        deviceChanged(event.device_id)
      }),
      news.on('channel_state_changed', (event) => {
        channelChanged(event.device_id, event.channel_id, event.state)
        deviceChanged(event.device_id)
      }),
    ]
    return () => stops.forEach((stop) => stop())
  }

  return {
    devices,
    rows,
    query,
    isLoading,
    error,
    nextCursor,
    open,
    load,
    loadMore,
    toggle,
    search,
    follow,
  }
})
