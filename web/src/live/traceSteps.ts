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
  /** `stopped` is the first stage that was not reached, `open` those behind it. */
  state: 'done' | 'stopped' | 'open'
  attempt: number
  sinceS: number | null
  detail: string
}

/** What was reached, of every attempt, then where the last one stopped and what it lacks. */
export function steps(trace: Pick<Schemas['Trace'], 'stages' | 'missing' | 'state'>): Step[] {
  const attempt = Math.max(1, ...trace.stages.map((entry) => entry.attempt))
  const reached = trace.stages.map(
    (entry): Step => ({
      ...{ key: `${entry.attempt} ${entry.stage}`, stage: entry.stage, state: 'done' },
      ...{ attempt: entry.attempt, sinceS: entry.since_s, detail: entry.detail },
    }),
  )
  const place = (stage: string): number => (TRACE_STAGES as readonly string[]).indexOf(stage)
  const last = trace.stages.filter((entry) => entry.attempt === attempt)
  const furthest = Math.max(-1, ...last.map(({ stage }) => place(stage)))
  const isOver = trace.state === 'closing' || trace.state === 'closed'
  // Devices may leave a stage out: a 200 without a 100 before it.
  const missing = trace.missing.filter((stage) => place(stage) > furthest)
  return [
    ...reached,
    ...missing.map(
      (stage, at): Step => ({
        ...{ key: `missing ${stage}`, stage, state: at === 0 && isOver ? 'stopped' : 'open' },
        ...{ attempt, sinceS: null, detail: '' },
      }),
    ),
  ]
}
