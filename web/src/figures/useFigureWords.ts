import { useI18n } from 'vue-i18n'
import type { Period } from '@/figures/periods'
import type { Dimension } from '@/figures/view'
import type { ChartWords } from '@/figures/options'
import { moment } from '@/format'
import { useWords } from '@/inventory/useWords'
import { useSite } from '@/shell/useSite'

/** What rows, periods and charts are called. */
export function useFigureWords() {
  const { t } = useI18n()
  const { pointClass, siteType } = useWords()
  const { zone } = useSite()

  /** Of a row by its dimension; codes of the standard in words. */
  function nameOf(dimension: Dimension, key: string, name: string): string {
    if (dimension === 'all') return t('figures.all')
    if (key === '') return t('figures.none')
    if (dimension === 'class') return pointClass(key)
    if (dimension === 'site_type') return siteType(key)
    return name || key
  }

  function periodText({ from, to }: Period): string {
    const shown = (at: Date): string => moment(at.toISOString(), zone.value)
    const now = new Date()
    const [start, end] = [shown(from), shown(to < now ? to : now)]
    const isWhole = start.endsWith('00:00:00') && end.endsWith('00:00:00')
    if (!isWhole) return `${start.slice(0, 16)} \u2013 ${end.slice(0, 16)}`
    const lastDay = shown(new Date(to.getTime() - 1)).slice(0, 10)
    return start.startsWith(lastDay) ? lastDay : `${start.slice(0, 10)} \u2013 ${lastDay}`
  }

  function chartWords(dimension: Dimension): ChartWords {
    return {
      target: t('figures.target'),
      doubtful: (coverage) => t('figures.doubtful', { coverage }),
      coverage: (coverage) => t('figures.covered', { coverage }),
      nothing: t('figures.nothing-observed'),
      name: (row) => nameOf(row.key === 'all' ? 'all' : dimension, row.key, row.name),
    }
  }

  return { nameOf, periodText, chartWords }
}
