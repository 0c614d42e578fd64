import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { api, take, type OnlineRate, type Schemas } from '@/api/client'
import { withOffset, type Interval, type Period } from '@/figures/periods'
import { asked, type Dimension, type Filters, type Heat, type WorstBy } from '@/figures/view'
import { useSite } from '@/shell/useSite'

const EVERY_MS = 60_000
const PER_PAGE = 100
const WORST_SHOWN = 20

/** Of what figures are wanted; null: of nothing yet. */
export interface Selection {
  period: Period
  filters: Filters
}

export interface RateWishes extends Selection {
  by: readonly Dimension[]
  interval?: Interval
}

/** What was asked, as the API takes it. */
function useAsked() {
  const { zone } = useSite()
  const query = ({ period, filters }: Selection) => ({
    from: withOffset(period.from, zone.value),
    to: withOffset(period.to, zone.value),
    ...asked(filters),
  })
  return { zone, query }
}

/** Online rates; the rows of one key or two, in each interval. */
export function useRates(wishes: Ref<RateWishes | null>) {
  const { zone, query } = useAsked()
  const found = useQuery({
    queryKey: ['online-rate', wishes, zone],
    enabled: computed(() => wishes.value !== null),
    placeholderData: keepPreviousData,
    refetchInterval: EVERY_MS,
    queryFn: ({ signal }) => {
      const wanted = wishes.value as RateWishes
      return take(
        api.GET('/api/v1/metrics/online-rate', {
          params: {
            query: {
              ...query(wanted),
              group_by: wanted.by.join(','),
              interval: wanted.interval ?? 'whole',
            },
          },
          signal,
        }),
      )
    },
  })
  const rows = computed<readonly OnlineRate[]>(() =>
    // Of the two forms of the answer, the one that is asked for without `format`.
    typeof found.data.value === 'object' ? found.data.value.items : [],
  )
  return { ...found, rows }
}

/** The channels behind a figure, page by page: those that were offline, worst first, or all of them
 * by ID. */
export function useChannelsBehind(wishes: Ref<Selection & { isWorstFirst: boolean }>) {
  const { zone, query } = useAsked()
  const found = useInfiniteQuery({
    queryKey: ['channels-behind', wishes, zone],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET('/api/v1/metrics/online-rate/channels', {
          params: {
            query: {
              ...query(wishes.value),
              limit: PER_PAGE,
              ...(wishes.value.isWorstFirst ? { by: 'offline_s' as const } : {}),
              ...(pageParam === null ? {} : { cursor: pageParam }),
            },
          },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor,
  })
  const rows = computed(() => found.data.value?.pages.flatMap((page) => page.items) ?? [])
  return { ...found, rows }
}

/** Seconds by hour of the day and by weekday or day. */
export function useHeat(wishes: Ref<(Selection & { by: Heat }) | null>) {
  const { zone, query } = useAsked()
  return useQuery({
    queryKey: ['heat', wishes, zone],
    enabled: computed(() => wishes.value !== null),
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => {
      const wanted = wishes.value as Selection & { by: Heat }
      return take(
        api.GET('/api/v1/metrics/heat', {
          params: { query: { ...query(wanted), by: wanted.by } },
          signal,
        }),
      )
    },
  })
}

/** The worst twenty cameras. */
export function useWorst(wishes: Ref<(Selection & { worst: WorstBy }) | null>) {
  const { zone, query } = useAsked()
  return useQuery({
    queryKey: ['worst', wishes, zone],
    enabled: computed(() => wishes.value !== null),
    placeholderData: keepPreviousData,
    refetchInterval: EVERY_MS,
    queryFn: ({ signal }) => {
      const wanted = wishes.value as Selection & { worst: WorstBy }
      return take(
        api.GET('/api/v1/metrics/worst', {
          params: {
            query: { ...query(wanted), group_by: 'channel', by: wanted.worst, limit: WORST_SHOWN },
          },
          signal,
        }),
      )
    },
  })
}

export interface LineWishes extends Selection {
  by: Dimension
  interval: 'day' | 'week' | 'month'
  target: number
}

/** Who is under the line, and for how many intervals in a row. */
export function useUnderTheLine(wishes: Ref<LineWishes | null>) {
  const { zone, query } = useAsked()
  return useQuery({
    queryKey: ['under-the-line', wishes, zone],
    enabled: computed(() => wishes.value !== null),
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => {
      const { by, interval, target, ...selection } = wishes.value as LineWishes
      return take(
        api.GET('/api/v1/metrics/under-the-line', {
          params: { query: { ...query(selection), group_by: by, interval, target } },
          signal,
        }),
      )
    },
  })
}

/** Whether the figures add up, as the server last looked. */
export function useSelfCheck() {
  return useQuery({
    queryKey: ['self-check'],
    refetchInterval: EVERY_MS,
    queryFn: ({ signal }) => take(api.GET('/api/v1/metrics/self-check', { signal })),
  })
}

export interface ChannelPast {
  deviceId: string
  channelId: string
  period: Period
}

/** A channel's ledger, and how it is counted. */
export function useChannelPast(wishes: Ref<ChannelPast>) {
  const { zone, query } = useAsked()
  const window = (): { from: string; to: string } => {
    const { from, to } = query({ period: wishes.value.period, filters: {} })
    return { from, to }
  }
  const seen = useQuery({
    queryKey: ['ledger', wishes, zone],
    queryFn: ({ signal }): Promise<Schemas['Ledger']> =>
      take(
        api.GET('/api/v1/devices/{device_id}/channels/{channel_id}/ledger', {
          params: {
            path: { device_id: wishes.value.deviceId, channel_id: wishes.value.channelId },
            query: window(),
          },
          signal,
        }),
      ),
  })
  const counted = useQuery({
    queryKey: ['counted', wishes, zone],
    queryFn: ({ signal }): Promise<Schemas['CutIntervals']> =>
      take(
        api.GET('/api/v1/metrics/online-rate/intervals', {
          params: {
            query: {
              device_id: wishes.value.deviceId,
              channel_id: wishes.value.channelId,
              ...window(),
            },
          },
          signal,
        }),
      ),
  })
  return { seen, counted }
}
