import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, type EffectScope } from 'vue'
import { ApiError, networkProblem } from '@/api/client'
import { useSteering, type Steering, type SteeringTools, type Way } from '@/live/useSteering'

const GATE = { deviceId: '1', channelId: '2' }
const YARD = { deviceId: '1', channelId: '3' }
const OURS: Steering = { is_moving: true, holder: 'me', is_yours: true, until: null }
const STILL: Steering = { is_moving: false, holder: null, is_yours: false, until: null }

/** Keeps what it is told; the test says when a movement is answered. */
class World {
  told: string[] = []
  now = STILL
  answers: { resolve: (now: Steering) => void; reject: (error: unknown) => void }[] = []

  readonly tools: SteeringTools = {
    move: ({ channelId }, way: Way) => {
      this.told.push(`${channelId} ${JSON.stringify(way)}`)
      return new Promise((resolve, reject) => this.answers.push({ resolve, reject }))
    },
    stop: ({ channelId }) => {
      this.told.push(`${channelId} stop`)
      return Promise.resolve()
    },
    state: () => Promise.resolve(this.now),
  }

  async answerAll(): Promise<void> {
    for (const { resolve } of this.answers.splice(0)) resolve(OURS)
    await vi.advanceTimersByTimeAsync(0)
  }
}

function refusal(status: number, code: string): ApiError {
  return new ApiError({ ...networkProblem(''), status, code })
}

describe('useSteering', () => {
  let world: World
  let scope: EffectScope
  let steering: ReturnType<typeof useSteering>

  beforeEach(() => {
    vi.useFakeTimers()
    world = new World()
    scope = effectScope()
    steering = scope.run(() => useSteering(world.tools)) as ReturnType<typeof useSteering>
  })

  afterEach(() => {
    scope.stop()
    vi.useRealTimers()
  })

  it('renews a movement at least every half second while it is held', async () => {
    steering.hold(GATE, { pan: 50 })
    await world.answerAll()
    await vi.advanceTimersByTimeAsync(1_000)

    expect(world.told).toEqual(Array.from({ length: 3 }, () => '2 {"pan":50}'))
  })

  it('stops when it is let go, and sends nothing after that', async () => {
    steering.hold(GATE, { pan: 50 })
    await world.answerAll()
    steering.release()
    await vi.advanceTimersByTimeAsync(5_000)

    expect(world.told).toEqual(['2 {"pan":50}', '2 stop'])
    expect(steering.way.value).toBeNull()
  })

  it.each([
    ['the window loses the focus', () => window.dispatchEvent(new Event('blur'))],
    ['the page is left', () => window.dispatchEvent(new Event('pagehide'))],
    [
      'the tab is hidden',
      () => {
        vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden')
        document.dispatchEvent(new Event('visibilitychange'))
        vi.restoreAllMocks()
      },
    ],
    ['its component goes', () => scope.stop()],
  ])('stops when %s', async (_when, happen) => {
    steering.hold(GATE, { tilt: -20 })
    await world.answerAll()
    happen()

    expect(world.told[world.told.length - 1]).toBe('2 stop')
  })

  it('stops again what reached the server only after the stop', async () => {
    steering.hold(GATE, { pan: 50 })
    steering.release()
    expect(world.told).toEqual(['2 {"pan":50}', '2 stop'])

    world.now = OURS
    await world.answerAll()
    await vi.advanceTimersByTimeAsync(0)

    expect(world.told).toEqual(['2 {"pan":50}', '2 stop', '2 stop'])
  })

  it('does not stop twice what has stopped, nor what somebody else moves', async () => {
    steering.hold(GATE, { pan: 50 })
    steering.release()
    world.now = { ...OURS, is_yours: false }
    await world.answerAll()
    await vi.advanceTimersByTimeAsync(0)

    expect(world.told).toEqual(['2 {"pan":50}', '2 stop'])
  })

  it('tells who has the camera, and leaves it to them', async () => {
    const error = refusal(409, 'conflict')
    steering.hold(GATE, { pan: 50 })
    world.answers[0]?.reject(error)
    await vi.advanceTimersByTimeAsync(2_000)

    expect(steering.trouble.value).toBe(error)
    expect(world.told).toEqual(['2 {"pan":50}'])
  })

  it('stops a camera that may be moving although nothing was heard of it', async () => {
    steering.hold(GATE, { pan: 50 })
    world.answers[0]?.reject(refusal(504, 'no_answer'))
    await vi.advanceTimersByTimeAsync(0)

    expect(world.told).toEqual(['2 {"pan":50}', '2 stop'])
  })

  it('stops one camera before it moves another', async () => {
    steering.hold(GATE, { pan: 50 })
    await world.answerAll()
    steering.hold(YARD, { pan: 50 })

    expect(world.told).toEqual(['2 {"pan":50}', '2 stop', '3 {"pan":50}'])
  })
})
