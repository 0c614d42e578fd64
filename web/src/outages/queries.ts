import { useInfiniteQuery, useQuery } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { api, take, type Schemas } from '@/api/client'
import type { EventName } from '@/api/events'
import { useFreshness } from '@/devices/queries'

export type Outage = Schemas['OutageOut']
export type OutageMember = Schemas['OutageMemberOut']
export type OutageCause = Schemas['OutageCause']

const NEWS: readonly EventName[] = ['outage_began', 'outage_changed', 'outage_ended', 'resync']
const PER_PAGE = 50
const MEMBERS_PER_PAGE = 200
const EVERY_MS = 30_000

const WORDS: Record<OutageCause, true> = {
  registration_refused: true,
  registration_expired: true,
  redirected: true,
  server_overloaded: true,
  unregistered: true,
  keepalives_stopped: true,
  connection_lost: true,
  recorder_lost: true,
  platform_lost: true,
  segment_silent: true,
  division_silent: true,
  flapping: true,
  channel_off: true,
  media_never_arrives: true,
  clock_drift: true,
  id_conflict: true,
  server_absent: true,
}
export const CAUSES = Object.keys(WORDS) as readonly OutageCause[]

export interface OutageWishes {
  standing: 'open' | 'past' | 'all'
  cause: OutageCause | null
}

/** Outages, newest first; read again when the server tells of one. */
export function useOutages(wishes: Ref<OutageWishes>) {
  useFreshness([['outages']], NEWS)
  const query = useInfiniteQuery({
    queryKey: ['outages', wishes],
    initialPageParam: null as string | null,
    refetchInterval: EVERY_MS,
    queryFn: ({ pageParam, signal }) => {
      const { standing, cause } = wishes.value
      return take(
        api.GET('/api/v1/outages', {
          params: {
            query: {
              limit: PER_PAGE,
              ...(standing === 'all' ? {} : { open: standing === 'open' }),
              ...(cause === null ? {} : { cause }),
              ...(pageParam === null ? {} : { cursor: pageParam }),
            },
          },
          signal,
        }),
      )
    },
    getNextPageParam: (page) => page.next_cursor,
  })
  const outages = computed(() => query.data.value?.pages.flatMap((page) => page.items) ?? [])
  return { ...query, outages }
}

/** One outage, and whom it concerns, page by page. */
export function useOutage(outageId: Ref<string>) {
  useFreshness([['outage'], ['outage-members']], NEWS)
  const outage = useQuery({
    queryKey: ['outage', outageId],
    queryFn: ({ signal }) =>
      take(
        api.GET('/api/v1/outages/{outage_id}', {
          params: { path: { outage_id: outageId.value } },
          signal,
        }),
      ),
  })
  const found = useInfiniteQuery({
    queryKey: ['outage-members', outageId],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET('/api/v1/outages/{outage_id}/members', {
          params: {
            path: { outage_id: outageId.value },
            query: { limit: MEMBERS_PER_PAGE, ...(pageParam === null ? {} : { cursor: pageParam }) },
          },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor,
  })
  const members = computed(() => found.data.value?.pages.flatMap((page) => page.items) ?? [])
  return { outage, members, found }
}
