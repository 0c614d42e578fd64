import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, onScopeDispose, type Ref } from 'vue'
import { api, take, type Status } from '@/api/client'
import type { EventName } from '@/api/events'
import { useNews } from '@/stores/news'

const PER_PAGE = 200
const GATHER_MS = 700

const OF_DEVICES: readonly EventName[] = [
  'device_came_online',
  'device_went_offline',
  'device_added',
  'device_removed',
  'catalog_changed',
  'resync',
]

/** Reads these again when the server tells of such events, at most once in a moment. */
export function useFreshness(
  keys: readonly (readonly string[])[],
  names: readonly EventName[],
  isOurs: (event: { device_id?: string }) => boolean = () => true,
  gatherMs = GATHER_MS,
): void {
  const client = useQueryClient()
  let timer: ReturnType<typeof setTimeout> | undefined
  useNews().hear(names, (event) => {
    if (!isOurs('device_id' in event ? event : {})) return
    timer ??= setTimeout(() => {
      timer = undefined
      for (const queryKey of keys) void client.invalidateQueries({ queryKey: [...queryKey] })
    }, gatherMs)
  })
  onScopeDispose(() => clearTimeout(timer))
}

export interface DeviceWishes {
  status: Status | null
  q: string
}

/** Devices on file that match, page by page. */
export function useDeviceList(wishes: Ref<DeviceWishes>) {
  useFreshness([['devices']], OF_DEVICES)
  const query = useInfiniteQuery({
    queryKey: ['devices', wishes],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET('/api/v1/devices', {
          params: {
            query: {
              limit: PER_PAGE,
              total: true,
              ...(pageParam === null ? {} : { cursor: pageParam }),
              ...(wishes.value.status === null ? {} : { status: wishes.value.status }),
              ...(wishes.value.q === '' ? {} : { q: wishes.value.q }),
            },
          },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor,
  })
  const devices = computed(() => query.data.value?.pages.flatMap((page) => page.items) ?? [])
  const total = computed(() => query.data.value?.pages[0]?.total ?? null)
  return { ...query, devices, total }
}

/** One device. */
export function useDevice(deviceId: Ref<string>) {
  useFreshness([['device']], OF_DEVICES, (event) => event.device_id === deviceId.value)
  return useQuery({
    queryKey: ['device', deviceId],
    queryFn: ({ signal }) =>
      take(
        api.GET('/api/v1/devices/{device_id}', {
          params: { path: { device_id: deviceId.value } },
          signal,
        }),
      ),
    refetchInterval: 15_000,
  })
}

/** All channels of a device. */
export function useDeviceChannels(deviceId: Ref<string>) {
  useFreshness(
    [['channels']],
    ['catalog_changed', 'channel_state_changed', 'resync'],
    (event) => event.device_id === undefined || event.device_id === deviceId.value,
  )
  const query = useInfiniteQuery({
    queryKey: ['channels', deviceId],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET('/api/v1/devices/{device_id}/channels', {
          params: {
            path: { device_id: deviceId.value },
            query: { limit: PER_PAGE, ...(pageParam === null ? {} : { cursor: pageParam }) },
          },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor,
  })
  const channels = computed(() => query.data.value?.pages.flatMap((page) => page.items) ?? [])
  return { ...query, channels }
}

/** Devices that ask to be let in. */
export function useWaiting() {
  useFreshness([['waiting']], ['device_waits', 'device_added', 'device_came_online', 'resync'])
  return useQuery({
    queryKey: ['waiting'],
    queryFn: ({ signal }) =>
      take(api.GET('/api/v1/devices/waiting', { params: { query: { limit: 1000 } }, signal })),
    refetchInterval: 15_000,
  })
}
