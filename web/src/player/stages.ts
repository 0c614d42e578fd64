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

/** It had come that far, was lost, and the server asks the camera for it again. */
export const RECOVERING = 'recovering'

export type Stage = (typeof STAGES)[number] | typeof RECOVERING

function isStage(word: string): word is (typeof STAGES)[number] {
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

/** Where a session stands for whoever waits for its picture. */
export function standing(session: { state: string; trace: readonly { stage: string }[] }): Stage {
  return session.state === RECOVERING ? RECOVERING : furthest(session.trace)
}
