import { useQuery } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { api, take } from '@/api/client'

/** Which commands the edition of a device has, and what to say of those that it lacks. */
export function useCommands(deviceId: Ref<string | null>) {
  const { t } = useI18n()
  const { data } = useQuery({
    queryKey: ['commands', deviceId],
    enabled: () => deviceId.value !== null,
    staleTime: 60_000,
    queryFn: ({ signal }) =>
      take(
        api.GET('/api/v1/devices/{device_id}/commands', {
          params: { path: { device_id: deviceId.value ?? '' } },
          signal,
        }),
      ),
  })

  /** Empty where the device has it, or where that is not known yet. */
  function lacks(name: string): string {
    const found = data.value?.items.find(
      (each) => each.name === name && each.direction === 'to_device',
    )
    if (found === undefined || found.is_supported) return ''
    const editions = found.editions.map((edition) => t(`edition.${edition}`)).join(', ')
    const spoken = t(`edition.${data.value?.edition ?? 'unknown'}`)
    return t('command.lacks', { name, spoken, editions })
  }

  return { lacks, configTypes: computed(() => data.value?.config_types ?? []) }
}
