import type { Schemas } from '@/api/client'

/** The stages of the server's play trace, in order. */
export const TRACE_STAGES = [
  'invite_sent',
  'trying',
  'answered',
  'acknowledged',
  'first_packet',
  'ssrc_matched',
  'container_parsed',
  'first_picture',
] as const

export interface Step {
  key: string
  stage: string
  /**
   * `stopped` is the first stage that was not reached, `open` those behind it, `skipped` one that
   * the device left out on its way further, `earlier` what an attempt before the last one reached.
   */
  state: 'done' | 'stopped' | 'open' | 'skipped' | 'earlier'
  attempt: number
  sinceS: number | null
  detail: string
}

/** What earlier attempts reached, then the eight stages of the last one. */
export function steps(trace: Pick<Schemas['Trace'], 'stages' | 'state'>): Step[] {
  const attempt = Math.max(1, ...trace.stages.map((entry) => entry.attempt))
  const isOver = trace.state === 'closing' || trace.state === 'closed'
  const last = new Map(
    trace.stages.filter((entry) => entry.attempt === attempt).map((entry) => [entry.stage, entry]),
  )
  const furthest = Math.max(...TRACE_STAGES.map((stage, at) => (last.has(stage) ? at : -1)))
  const stateAt = (stage: string, at: number): Step['state'] => {
    if (last.has(stage)) return 'done'
    if (at < furthest) return 'skipped'
    return isOver && at === furthest + 1 ? 'stopped' : 'open'
  }
  const row = (
    stage: string,
    state: Step['state'],
    entry?: { attempt: number; since_s: number; detail: string },
  ): Step => ({
    key: `${entry?.attempt ?? attempt} ${stage}`,
    stage,
    state,
    attempt: entry?.attempt ?? attempt,
    sinceS: entry?.since_s ?? null,
    detail: entry?.detail ?? '',
  })
  return [
    ...trace.stages
      .filter((entry) => entry.attempt < attempt)
      .map((entry) => row(entry.stage, 'earlier', entry)),
    ...TRACE_STAGES.map((stage, at) => row(stage, stateAt(stage, at), last.get(stage))),
  ]
}
