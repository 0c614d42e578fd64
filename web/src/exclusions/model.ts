import type { Schemas } from '@/api/client'
import { momentOn, withOffset } from '@/figures/periods'
import type { Refusals } from '@/figures/refusals'

export type Exclusion = Schemas['ExclusionOut']
export type NewExclusion = Schemas['NewExclusion']
export type Scope = Required<Schemas['ScopeForm']>
export type Reason = Schemas['Reason']
export type ExclusionStatus = Schemas['ExclusionStatus']

export const REASONS = [
  'power_cut',
  'construction',
  'move',
  'planned_sleep',
  'maintenance',
] as const satisfies readonly Reason[]
export const STATUSES = [
  'requested',
  'approved',
  'refused',
  'withdrawn',
] as const satisfies readonly ExclusionStatus[]

/** What the form holds; times of day as HH:MM. */
export interface Draft {
  reason: Reason
  order: string
  note: string
  /** On the browser's clock; meant on the site's. */
  span: readonly [number, number] | null
  isDaily: boolean
  dailyStart: string | null
  dailyEnd: string | null
  scope: Scope
}

export function emptyDraft(): Draft {
  return {
    reason: 'power_cut',
    order: '',
    note: '',
    span: null,
    isDaily: false,
    dailyStart: null,
    dailyEnd: null,
    scope: { device_ids: [], channels: [], divisions: [], group_ids: [], own_group_ids: [] },
  }
}

export type Missing = 'order' | 'span' | 'scope' | 'daily'

/** What still has to be filled in before it can be asked for. */
export function missing(draft: Draft): Missing[] {
  const found: Missing[] = []
  if (draft.order.trim() === '') found.push('order')
  if (draft.span === null) found.push('span')
  if (Object.values(draft.scope).every((names) => names.length === 0)) found.push('scope')
  if (draft.isDaily && (draft.dailyStart === null || draft.dailyEnd === null)) found.push('daily')
  return found
}

/** What the browser's clock shows, as the same time on the site's. */
function onSite(shown: number, zone: string): string {
  const at = new Date(shown)
  const meant = momentOn(
    zone,
    at.getFullYear(),
    at.getMonth() + 1,
    at.getDate(),
    at.getHours(),
    at.getMinutes(),
  )
  return withOffset(meant, zone)
}

/** As the API takes it; null while something is missing. */
export function orderOf(draft: Draft, zone: string): NewExclusion | null {
  if (draft.span === null || missing(draft).length > 0) return null
  const daily = draft.isDaily ? { daily_start: draft.dailyStart, daily_end: draft.dailyEnd } : {}
  return {
    reason: draft.reason,
    order_number: draft.order.trim(),
    note: draft.note.trim(),
    start: onSite(draft.span[0], zone),
    end: onSite(draft.span[1], zone),
    scope: draft.scope,
    ...daily,
  }
}

/** What the server says when it refuses, and how we call it; groups in order are the values. */
export const REFUSALS: Refusals = [
  [/ends before it begins/, 'before'],
  [/at most (\d+) days at a time/, 'too-long', 'days'],
  [/within (\d+) h of its end/, 'too-late', 'hours'],
  [/no channel on file is in this scope/, 'nobody'],
  [/more than (\d+) channels/, 'too-many', 'most'],
  [/needs the number of its order/, 'order'],
  [/(\d+) channels would be excused for more than (\d+) days/, 'allowance', 'channels', 'days'],
  [/nobody decides on their own request/, 'own'],
  [/only whoever asked may/, 'not-yours'],
  [/^exclusion \S+ is (\w+)/, 'decided', 'status'],
]
