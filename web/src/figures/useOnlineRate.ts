import { useQuery } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { api, take } from '@/api/client'
import { withOffset, type Period } from '@/figures/periods'
import { useSite } from '@/shell/useSite'

export const GROUPS = ['device', 'division', 'manufacturer'] as const
export type Group = (typeof GROUPS)[number]

export interface RateWishes {
  period: Period
  group: Group
  /** Key of the row whose channels are wanted, null for the rows themselves. */
  inside: string | null
}

const EVERY_MS = 60_000
const NAMES_LIMIT = 1000

function narrowed({ group, inside }: RateWishes) {
  if (inside === null) return {}
  if (group === 'device') return { device_id: inside }
  return group === 'division' ? { division: inside } : { manufacturer: inside }
}

/** Online rates of a period by group, the rate of all, and the names of channels. */
export function useOnlineRate(wishes: Ref<RateWishes>) {
  const { zone } = useSite()
  const window = computed(() => ({
    from: withOffset(wishes.value.period.from, zone.value),
    to: withOffset(wishes.value.period.to, zone.value),
  }))
  const query = useQuery({
    queryKey: ['online-rate', wishes, zone],
    queryFn: ({ signal }) =>
      take(
        api.GET('/api/v1/metrics/online-rate', {
          params: {
            query: {
              ...window.value,
              group_by: wishes.value.inside === null ? wishes.value.group : 'channel',
              ...narrowed(wishes.value),
            },
          },
          signal,
        }),
      ),
    refetchInterval: EVERY_MS,
  })
  const whole = useQuery({
    queryKey: ['online-rate', 'all', wishes, zone],
    queryFn: ({ signal }) =>
      take(
        api.GET('/api/v1/metrics/online-rate', {
          params: { query: { ...window.value, group_by: 'all', ...narrowed(wishes.value) } },
          signal,
        }),
      ),
    refetchInterval: EVERY_MS,
  })
  const listed = useQuery({
    queryKey: ['channel-names', wishes],
    enabled: computed(() => wishes.value.inside !== null),
    queryFn: ({ signal }) => {
      const { device_id: deviceId, ...rest } = { device_id: undefined, ...narrowed(wishes.value) }
      const query = { limit: NAMES_LIMIT, ...rest }
      if (deviceId === undefined) return take(api.GET('/api/v1/channels', { params: { query }, signal }))
      return take(
        api.GET('/api/v1/devices/{device_id}/channels', {
          params: { path: { device_id: deviceId }, query },
          signal,
        }),
      )
    },
  })
  const names = computed(
    () =>
      new Map(
        listed.data.value?.items.map((channel) => [
          `${channel.device_id}/${channel.channel_id}`,
          channel.name,
        ]),
      ),
  )
  return {
    rows: computed(() => query.data.value?.items ?? []),
    total: computed(() => whole.data.value?.items[0]),
    names,
    isFetching: query.isFetching,
    error: query.error,
  }
}
