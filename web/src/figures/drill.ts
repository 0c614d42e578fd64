import type { Period } from '@/figures/periods'
import type { Filters } from '@/figures/view'

/** A figure that was clicked: of what it is, in which time, and what it is called. */
export interface Drill {
  filters: Filters
  period: Period
  title: string
}
