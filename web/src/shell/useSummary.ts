import { useQuery, useQueryClient } from '@tanstack/vue-query'
import { onScopeDispose } from 'vue'
import { api, take } from '@/api/client'
import type { EventName } from '@/api/events'
import { useNews } from '@/stores/news'

const KEY = ['summary']
const EVERY_MS = 10_000
const GATHER_MS = 500

const NEWS: readonly EventName[] = [
  'device_came_online',
  'device_went_offline',
  'device_added',
  'device_removed',
  'device_waits',
  'catalog_changed',
  'channel_state_changed',
  'session_changed',
  'resync',
]

/** How everything stands, read again soon after something happened. */
export function useSummary() {
  const client = useQueryClient()
  const { data: summary } = useQuery({
    queryKey: KEY,
    queryFn: ({ signal }) => take(api.GET('/api/v1/metrics/summary', { signal })),
    refetchInterval: EVERY_MS,
  })
  let timer: ReturnType<typeof setTimeout> | undefined
  useNews().hear(NEWS, () => {
    timer ??= setTimeout(() => {
      timer = undefined
      void client.invalidateQueries({ queryKey: KEY })
    }, GATHER_MS)
  })
  onScopeDispose(() => clearTimeout(timer))
  return { summary }
}
