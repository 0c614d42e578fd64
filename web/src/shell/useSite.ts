import { useQuery } from '@tanstack/vue-query'
import { computed } from 'vue'
import { api, take } from '@/api/client'
import { usePreferences } from '@/stores/preferences'

const FALLBACK_ZONE = 'Asia/Shanghai'

/** Who this server is, in the language of the page, and the time zone of the site. */
export function useSite() {
  const preferences = usePreferences()
  const { data: site } = useQuery({
    queryKey: ['site', computed(() => preferences.locale)],
    queryFn: ({ signal }) => take(api.GET('/api/v1/site', { signal })),
    staleTime: 60_000,
  })
  const zone = computed(() => site.value?.time_zone ?? FALLBACK_ZONE)
  return { site, zone }
}
