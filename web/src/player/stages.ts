/** What passes between the click and the picture, in order: ours, the server's trace, ours. */
export const STAGES = [
  'asking',
  'invite_sent',
  'trying',
  'answered',
  'acknowledged',
  'first_packet',
  'ssrc_matched',
  'container_parsed',
  'first_picture',
  'connecting_browser',
] as const

export type Stage = (typeof STAGES)[number]

function isStage(word: string): word is Stage {
  return (STAGES as readonly string[]).includes(word)
}

/** The furthest stage that a trace has reached. */
export function furthest(trace: readonly { stage: string }[]): Stage {
  let index = 0
  for (const { stage } of trace) {
    if (isStage(stage)) index = Math.max(index, STAGES.indexOf(stage))
  }
  return STAGES[index] ?? 'asking'
}
