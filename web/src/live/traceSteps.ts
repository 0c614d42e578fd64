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

/** What else a trace tells: that the picture was lost after it had come, and what became of it. */
export const MISHAPS = ['interrupted', 'attempt_failed', 'restored', 'given_up'] as const

function isMishap(word: string): boolean {
  return (MISHAPS as readonly string[]).includes(word)
}

export interface Step {
  key: string
  stage: string
  /**
   * `stopped` is the first stage that was not reached, `open` those behind it, `skipped` one that
   * the device left out on its way further, `earlier` what an attempt before the last one reached,
   * `lost` what befell a picture that had come.
   */
  state: 'done' | 'stopped' | 'open' | 'skipped' | 'earlier' | 'lost'
  attempt: number
  sinceS: number | null
  detail: string
}

type Entry = Schemas['Trace']['stages'][number]

/**
 * What earlier attempts reached, then the eight stages of the last one and what befell its picture
 * after that.
 */
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
    entry?: Entry,
  ): Step => ({
    // A picture may be lost and asked for again more than once within an attempt.
    key: `${entry?.attempt ?? attempt} ${stage}${isMishap(stage) ? ` ${entry?.since_s ?? ''}` : ''}`,
    stage,
    state,
    attempt: entry?.attempt ?? attempt,
    sinceS: entry?.since_s ?? null,
    detail: entry?.detail ?? '',
  })
  const befell = (entry: Entry): Step => row(entry.stage, entry.stage === 'restored' ? 'done' : 'lost', entry)
  return [
    ...trace.stages
      .filter((entry) => entry.attempt < attempt)
      .map((entry) => (isMishap(entry.stage) ? befell(entry) : row(entry.stage, 'earlier', entry))),
    ...TRACE_STAGES.map((stage, at) => row(stage, stateAt(stage, at), last.get(stage))),
    ...trace.stages.filter((entry) => entry.attempt === attempt && isMishap(entry.stage)).map(befell),
  ]
}
