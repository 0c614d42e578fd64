import type { Schemas } from '@/api/client'
import type { Refusals } from '@/figures/refusals'
import { wallClock } from '@/format'

export type Report = Schemas['ReportOut']
export type ReportOrder = Schemas['ReportOrder']
export type Verification = Schemas['VerificationOut']

export const LANGUAGES = ['zh', 'en'] as const
export const FORMATS = ['xlsx', 'pdf'] as const
export const LEVELS = [2, 4, 6, 8] as const

const STAGES = ['total', 'regions', 'days', 'cameras', 'history', 'outages', 'exclusions', 'proof'] as const
export type Stage = (typeof STAGES)[number] | 'waiting'

/** A stage in a word; one of the server's that is new counts as waiting. */
export function stageOf(text: string): Stage {
  return STAGES.find((stage) => stage === text) ?? 'waiting'
}

/** How far it is, 0 to 100: the stages count alike, each with what is done of it. */
export function progressOf({ stage, done, of }: Schemas['ReportProgress']): number {
  const at = STAGES.findIndex((each) => each === stage)
  if (at < 0) return 0
  const part = of > 0 ? Math.min(1, done / of) : 0
  return Math.floor(((at + part) / STAGES.length) * 100)
}

/** Months that can be reported: whose period is over on the site's clock, latest first. */
export function monthsOver(now: Date, zone: string, cutOffDay: number, count = 12): string[] {
  const [year, month, day] = wallClock(now, zone)
  const isRunning = day < cutOffDay || cutOffDay === 1
  const latest = year * 12 + (month - 1) - (isRunning ? 1 : 0)
  return Array.from({ length: count }, (_, back) => {
    const at = latest - back
    return `${Math.floor(at / 12)}-${String((at % 12) + 1).padStart(2, '0')}`
  })
}

/** The name of a file as the server gives it, or one of ours. */
export function fileName(disposition: string | null, otherwise: string): string {
  return /filename="([^"]+)"/.exec(disposition ?? '')?.[1] ?? otherwise
}

/** Which of the two differ after a report was made again. */
export function differences(found: Verification): ('inputs' | 'figures')[] {
  return [
    ...(found.inputs_sha256 === found.frozen_inputs_sha256 ? [] : (['inputs'] as const)),
    ...(found.figures_sha256 === found.frozen_figures_sha256 ? [] : (['figures'] as const)),
  ]
}

export const REFUSALS: Refusals = [
  [/the period ends on (\S+); it is not over/, 'not-over', 'day'],
  [/a period has 1 to (\d+) days/, 'days', 'most'],
  [/is being made/, 'running'],
  [/is frozen since (\S+):/, 'frozen', 'day'],
  [/(\d+) reports are being made/, 'many', 'count'],
]
