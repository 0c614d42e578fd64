import { describe, expect, it } from 'vitest'
import { steps, TRACE_STAGES } from '@/live/traceSteps'

function trace(state: string, reached: string[], attempt = 1) {
  return {
    state,
    stages: reached.map((stage, at) => ({ stage, at: '', detail: '', since_s: at, attempt })),
  }
}

function told(shown: ReturnType<typeof steps>): string[] {
  return shown.map(({ stage, state }) => `${stage} ${state}`)
}

describe('steps', () => {
  it('shows all eight stages of a play that came to its picture', () => {
    const shown = steps(trace('streaming', [...TRACE_STAGES]))

    expect(shown).toHaveLength(8)
    expect(new Set(shown.map(({ state }) => state))).toEqual(new Set(['done']))
  })

  it('marks the first stage that was not reached once the play is over', () => {
    expect(told(steps(trace('closed', ['invite_sent', 'trying', 'answered', 'acknowledged'])))).toEqual([
      'invite_sent done',
      'trying done',
      'answered done',
      'acknowledged done',
      'first_packet stopped',
      'ssrc_matched open',
      'container_parsed open',
      'first_picture open',
    ])
  })

  it('calls nothing stopped while it may still come', () => {
    const shown = steps(trace('awaiting_media', ['invite_sent']))

    expect(shown.some(({ state }) => state === 'stopped')).toBe(false)
  })

  it('does not call a stage missing that the device left out on its way further', () => {
    const shown = steps(trace('closed', ['invite_sent', 'answered', 'acknowledged']))

    expect(told(shown)).toContain('trying skipped')
    expect(told(shown)).toContain('first_packet stopped')
  })

  it('stops a second attempt where the second stopped', () => {
    const first = trace('closed', ['invite_sent', 'trying'])
    const second = trace('closed', ['invite_sent'], 2)
    const shown = steps({ ...second, stages: [...first.stages, ...second.stages] })

    expect(shown.filter(({ state }) => state === 'earlier')).toHaveLength(2)
    expect(shown.filter(({ attempt }) => attempt === 2)).toHaveLength(8)
    expect(shown.find(({ state }) => state === 'stopped')).toMatchObject({ stage: 'trying', attempt: 2 })
  })

  it('tells how a picture was lost and came back, each where it happened', () => {
    const entry = (stage: string, attempt: number, since_s: number) => ({ stage, at: '', detail: '', since_s, attempt })
    const shown = steps({
      state: 'recovering',
      stages: [
        ...trace('', [...TRACE_STAGES]).stages,
        entry('interrupted', 1, 20),
        entry('attempt_failed', 1, 22),
        entry('attempt_failed', 1, 24),
        entry('invite_sent', 2, 25),
        entry('answered', 2, 25.1),
        entry('acknowledged', 2, 25.2),
        entry('first_picture', 2, 26),
        entry('restored', 2, 26),
        entry('interrupted', 2, 40),
      ],
    })

    expect(told(shown).slice(8)).toEqual([
      'interrupted lost',
      'attempt_failed lost',
      'attempt_failed lost',
      'invite_sent done',
      'trying skipped',
      'answered done',
      'acknowledged done',
      'first_packet skipped',
      'ssrc_matched skipped',
      'container_parsed skipped',
      'first_picture done',
      'restored done',
      'interrupted lost',
    ])
    expect(new Set(shown.map(({ key }) => key)).size).toBe(shown.length)
  })
})
