import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, shallowRef, type Ref } from 'vue'
import { api, take, type Channel, type Schemas, type Status } from '@/api/client'
import { useFreshness } from '@/devices/queries'
import type { Filters } from '@/inventory/filters'
import { flat } from '@/inventory/trees'
import { useNews } from '@/stores/news'
import { statusOf } from '@/stores/tree'

export type Dimension = Schemas['Dimension']
export type AnomalyKind = Schemas['AnomalyKind']

const PER_PAGE = 200
const KEYS_PER_PAGE = 1000
const SLOW_MS = 30_000
/** A walk over everything on file is not done again for each of many events. */
const GATHER_MS = 5_000
const anyDevice = (): boolean => true
/** What is counted by channels, and so is out of date once some of them changed. */
const OF_CHANNELS = ['channels', 'channel', 'device', 'divisions', 'own-groups', 'groups', 'anomalies', 'completeness']

export type ChannelKey = Schemas['ChannelKey']
export const keyOf = (channel: ChannelKey): string => `${channel.device_id}/${channel.channel_id}`

/** Has everything read again that shows channels or counts them. */
export function useInventoryRefresh(): () => Promise<void> {
  const client = useQueryClient()
  return async () => {
    await Promise.all(OF_CHANNELS.map((key) => client.invalidateQueries({ queryKey: [key] })))
  }
}

/**
 * Channels that match, page by page. Their states follow the events one by one: reading 52,000 of
 * them again for each would be no use to anybody.
 */
export function useChannelPages(filters: Ref<Filters>) {
  const states = shallowRef(new Map<string, Status>())
  useNews().hear(['channel_state_changed'], (event) => {
    states.value = new Map(states.value).set(keyOf(event), statusOf(event.state))
  })
  useFreshness([['channels', 'all']], ['catalog_changed', 'device_removed', 'resync'], anyDevice, GATHER_MS)
  const query = useInfiniteQuery({
    queryKey: ['channels', 'all', filters],
    initialPageParam: null as string | null,
    queryFn: async ({ pageParam, signal }) => {
      const asked = { limit: PER_PAGE, total: pageParam === null, ...filters.value }
      const page = await take(
        api.GET('/api/v1/channels', {
          params: { query: pageParam === null ? asked : { ...asked, cursor: pageParam } },
          signal,
        }),
      )
      const fresh = new Set(page.items.map(keyOf))
      states.value = new Map([...states.value].filter(([key]) => !fresh.has(key)))
      return page
    },
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  })
  const channels = computed(() => query.data.value?.pages.flatMap((page) => page.items) ?? [])
  const total = computed(() => query.data.value?.pages[0]?.total ?? null)
  const statusNow = (channel: Channel): Status => states.value.get(keyOf(channel)) ?? channel.status
  return { ...query, channels, total, statusNow }
}

/** The IDs of all channels that match. */
export async function allKeys(filters: Filters, onCount: (count: number) => void): Promise<ChannelKey[]> {
  const keys: ChannelKey[] = []
  let cursor: string | null = null
  do {
    const query: Filters & { limit: number; cursor?: string } = { limit: KEYS_PER_PAGE, ...filters }
    if (cursor !== null) query.cursor = cursor
    const page: { items: Channel[]; next_cursor: string | null } = await take(
      api.GET('/api/v1/channels', { params: { query } }),
    )
    keys.push(...page.items.map(({ device_id, channel_id }) => ({ device_id, channel_id })))
    onCount(keys.length)
    cursor = page.next_cursor
  } while (cursor !== null)
  return keys
}

/** One channel with all that its device said and all that was set here. */
export function useChannel(key: Ref<ChannelKey>) {
  return useQuery({
    queryKey: ['channel', key],
    queryFn: ({ signal }) =>
      take(
        api.GET('/api/v1/devices/{device_id}/channels/{channel_id}', {
          params: { path: key.value },
          signal,
        }),
      ),
    staleTime: 0,
  })
}

/** Regions with counts, and each of them by its code. */
export function useDivisions() {
  const query = useQuery({
    queryKey: ['divisions'],
    queryFn: ({ signal }) => take(api.GET('/api/v1/divisions', { signal })),
    refetchInterval: SLOW_MS,
  })
  const nodes = computed(() => query.data.value?.items ?? [])
  const known = computed(() => flat(nodes.value, (node) => node.code))
  return { ...query, nodes, known }
}

/** Names of regions that were given here, by code. */
export function useDivisionNames() {
  const query = useQuery({
    queryKey: ['divisions', 'names'],
    queryFn: ({ signal }) => take(api.GET('/api/v1/divisions/names', { signal })),
  })
  const given = computed(
    () => new Map(query.data.value?.items.map(({ code, name }) => [code, name]) ?? []),
  )
  return { ...query, given }
}

/** The tree of our own, and each of its nodes by its ID. */
export function useOwnGroups() {
  const query = useQuery({
    queryKey: ['own-groups'],
    queryFn: ({ signal }) => take(api.GET('/api/v1/groups/own', { signal })),
    refetchInterval: SLOW_MS,
  })
  const nodes = computed(() => query.data.value?.items ?? [])
  const known = computed(() => flat(nodes.value, (node) => node.group_id))
  return { ...query, nodes, known }
}

/** Business groups and virtual organisations as devices report them. */
export function useReportedGroups() {
  const query = useQuery({
    queryKey: ['groups'],
    queryFn: ({ signal }) => take(api.GET('/api/v1/groups', { signal })),
    refetchInterval: SLOW_MS,
  })
  const nodes = computed(() => query.data.value?.items ?? [])
  return { ...query, nodes }
}

/** How full the files are by one dimension; its keys are what there is of that dimension. */
export function useCompleteness(dimension: Ref<Dimension>, isWanted?: Ref<boolean>) {
  return useQuery({
    queryKey: ['completeness', dimension],
    queryFn: ({ signal }) =>
      take(
        api.GET('/api/v1/metrics/file-completeness', {
          params: { query: { group_by: dimension.value } },
          signal,
        }),
      ),
    staleTime: SLOW_MS,
    ...(isWanted === undefined ? {} : { enabled: isWanted }),
  })
}

/** How often each kind of oddity occurs. */
export function useAnomalyCounts() {
  useFreshness([['anomalies']], ['anomaly_found', 'catalog_changed', 'resync'], anyDevice, GATHER_MS)
  return useQuery({
    queryKey: ['anomalies', 'counts'],
    queryFn: ({ signal }) => take(api.GET('/api/v1/anomalies/counts', { signal })),
  })
}

/** Findings of one kind, page by page. */
export function useAnomalies(kind: Ref<AnomalyKind | null>) {
  const query = useInfiniteQuery({
    queryKey: ['anomalies', 'list', kind],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET('/api/v1/anomalies', {
          params: {
            query: {
              kind: kind.value === null ? [] : [kind.value],
              limit: PER_PAGE,
              ...(pageParam === null ? {} : { cursor: pageParam }),
            },
          },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor,
    enabled: () => kind.value !== null,
  })
  const found = computed(() => query.data.value?.pages.flatMap((page) => page.items) ?? [])
  return { ...query, found }
}
