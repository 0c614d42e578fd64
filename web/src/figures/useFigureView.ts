import { computed, onScopeDispose, ref } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import {
  dayOf,
  momentOn,
  periodBefore,
  periodOf,
  periodOfDays,
  type Period,
  type PeriodName,
} from '@/figures/periods'
import { LEVELS, queryOf, usualView, viewOf, type FigureView } from '@/figures/view'
import { wallClock } from '@/format'
import { useSite } from '@/shell/useSite'

const LOOK_EVERY_MS = 60_000
const LASTS: readonly PeriodName[] = ['today', 'week', 'month', 'reporting']

/** What is chosen on the figures page: read from the address, written into it. */
export function useFigureView() {
  const route = useRoute()
  const router = useRouter()
  const { site, zone } = useSite()

  const today = ref(dayOf(new Date(), zone.value))
  const timer = setInterval(() => (today.value = dayOf(new Date(), zone.value)), LOOK_EVERY_MS)
  onScopeDispose(() => clearInterval(timer))

  const usual = computed(() => {
    const own = LEVELS.find((level) => level === `division_${site.value?.report_level}`)
    return usualView(own ?? 'division_6')
  })
  const view = computed(() => viewOf(route.query, usual.value))

  function change(patch: Partial<FigureView>): void {
    void router.replace({ query: queryOf({ ...view.value, ...patch }, usual.value) })
  }

  /** Reaches to the end of the day where it lasts: the server cuts at now, and asking again tells
   * more. Null while days are still being chosen. */
  const period = computed<Period | null>(() => {
    void today.value
    const { period: name, days } = view.value
    if (name === 'custom') return days === null ? null : periodOfDays(days, zone.value)
    const { from, to } = periodOf(name, new Date(), zone.value, site.value?.cut_off_day)
    if (!LASTS.includes(name)) return { from, to }
    const [year, month, day] = wallClock(to, zone.value)
    return { from, to: momentOn(zone.value, year, month, day + 1) }
  })
  const before = computed(() =>
    period.value === null ? null : periodBefore(view.value.period, period.value, zone.value),
  )
  const target = computed(() => view.value.target ?? site.value?.online_target ?? 0.9)
  const coverageLimit = computed(() => site.value?.coverage_limit ?? 0.95)
  return { view, change, period, before, target, coverageLimit, zone }
}
