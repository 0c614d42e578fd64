import { useI18n } from 'vue-i18n'

/** How far the clock of a device is from ours, in words; empty where that is not known. */
export function useClockText(): (offsetS: number | null) => string {
  const { t } = useI18n()
  return (offsetS) => {
    if (offsetS === null) return ''
    const s = Math.abs(offsetS).toFixed(1)
    return offsetS < 0 ? t('device.clock-behind', { s }) : t('device.clock-ahead', { s })
  }
}
