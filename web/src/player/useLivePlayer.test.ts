import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, ref, type EffectScope } from 'vue'
import { ApiError, networkProblem, type LiveSession, type Session } from '@/api/client'
import { ConnectionLostError, type PlayConnection, type PlayForm } from '@/player/connection'
import { useLivePlayer, type PlayerTools } from '@/player/useLivePlayer'

const CHANNEL = { deviceId: '1', channelId: '2' }

function sessionIn(state: string, stages: string[] = [], reason = ''): Session {
  const trace = stages.map((stage) => ({ stage, at: '', detail: '' }))
  return { session_id: 's', state, trace, reason, error: '', figures: null, disconnected: [] } as unknown as Session
}

/** A world in which the test says what the server answers and when a frame is shown. */
class World {
  answers: Session[] = [sessionIn('streaming')]
  refusal: ApiError | null = null
  /** The server was started anew. */
  isForgotten = false
  starts = 0
  opened: string[] = []
  taken: PlayForm[] = ['whep', 'fmp4']
  urls: Record<string, string> = { whep: 'http://elsewhere:1/api/whep?token=t' }
  bytesALook = 1_000
  closed = 0
  bytes = 0
  showFrame: () => void = () => undefined
  lose: (error: Error) => void = () => undefined
  readonly video = {
    srcObject: null,
    play: () => Promise.resolve(),
    requestVideoFrameCallback: (shown: () => void) => {
      this.showFrame = shown
      return 1
    },
    cancelVideoFrameCallback: () => undefined,
  } as unknown as HTMLVideoElement

  readonly tools: PlayerTools = {
    startLive: () => {
      this.starts += 1
      if (this.refusal !== null) return Promise.reject(this.refusal)
      const [recommended, ...otherwise] = Object.keys(this.urls).map((form) => ({ form, stream: 'main', delivery: 'passed' }))
      return Promise.resolve({
        session_id: 's',
        state: 'inviting',
        codec: 'h264',
        urls: this.urls,
        recommended,
        otherwise,
      } as unknown as LiveSession)
    },
    session: () =>
      this.isForgotten
        ? Promise.reject(new ApiError({ ...networkProblem(''), code: 'not_found', status: 404 }))
        : Promise.resolve((this.answers.length > 1 ? this.answers.shift() : this.answers[0]) as Session),
    takenForms: () => this.taken,
    open: ({ form, url }) => {
      this.opened.push(`${form} ${url}`)
      const lost = new Promise<never>((_resolve, reject) => (this.lose = reject))
      lost.catch(() => undefined)
      const connection: PlayConnection = {
        form,
        viewerId: 'me',
        lost,
        attach: () => undefined,
        read: () => {
          this.bytes += this.bytesALook
          const counters = { atMs: Date.now(), bytes: this.bytes, packets: 0, lost: 0 }
          const stats = { width: 1, height: 1, framesPerSecond: 25, codec: '', bitrateBps: 0, lostPercent: 0, framesDropped: 0 }
          return Promise.resolve({ stats, counters })
        },
        close: () => {
          this.closed += 1
          return Promise.resolve()
        },
      }
      return Promise.resolve(connection)
    },
  }
}

describe('useLivePlayer', () => {
  let scope: EffectScope
  let world: World

  function player() {
    const made = scope.run(() => useLivePlayer(ref(world.video), world.tools))
    if (made === undefined) throw new Error('the scope is over')
    return made
  }
  const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms)

  beforeEach(() => {
    vi.useFakeTimers()
    vi.stubGlobal('RTCPeerConnection', EventTarget)
    scope = effectScope()
    world = new World()
  })
  afterEach(() => {
    scope.stop()
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  it('follows the trace, connects when it streams, and plays with the first frame', async () => {
    world.answers = [
      sessionIn('inviting', ['invite_sent']),
      sessionIn('awaiting_media', ['invite_sent', 'answered', 'acknowledged']),
      sessionIn('streaming', ['first_picture']),
    ]
    const { start, state, stage, firstFrameMs } = player()

    start(CHANNEL)
    await settle()
    expect([state.value, stage.value]).toEqual(['connecting', 'invite_sent'])
    await settle(400)
    expect(stage.value).toBe('acknowledged')
    await settle(400)
    expect(stage.value).toBe('connecting_browser')
    expect(world.opened).toEqual(['whep http://elsewhere:1/api/whep?token=t'])

    world.showFrame()
    await settle()
    expect(state.value).toBe('playing')
    expect(firstFrameMs.value).toBeGreaterThanOrEqual(800)
  })

  it('looks at once when it is told that the session has news', async () => {
    world.answers = [sessionIn('inviting', ['invite_sent']), sessionIn('streaming')]
    const { start, poke, stage } = player()
    start(CHANNEL)
    await settle()

    poke()
    await settle()

    expect(stage.value).toBe('connecting_browser')
  })

  it('shows the cause when the session ends without a picture, and tries again', async () => {
    world.answers = [sessionIn('closed', ['answered', 'acknowledged'], 'no_media')]
    const { start, state, failure, retryInS } = player()

    start(CHANNEL)
    await settle()
    expect([state.value, failure.value?.cause, retryInS.value]).toEqual(['waiting', 'no_packets', 1])
    await settle(1_000)

    expect(world.starts).toBe(2)
    expect(retryInS.value).toBe(2)
  })

  it('does not ask again for what a person has to change', async () => {
    world.refusal = new ApiError({ ...networkProblem(''), code: 'forbidden', status: 403 })
    const { start, state } = player()

    start(CHANNEL)
    await settle(120_000)

    expect(state.value).toBe('failed')
    expect(world.starts).toBe(1)
  })

  it('tries at once when a person asks for it', async () => {
    world.refusal = new ApiError({ ...networkProblem(''), code: 'device_offline', status: 409 })
    const { start, retry } = player()
    start(CHANNEL)
    await settle(8_000)
    const before = world.starts

    retry()
    await settle()

    expect(world.starts).toBe(before + 1)
  })

  it('gives up on a stream whose first frame never comes', async () => {
    world.taken = ['whep']
    const { start, state, failure } = player()

    start(CHANNEL)
    await settle(12_000)

    expect([state.value, failure.value?.cause]).toEqual(['waiting', 'no_frames'])
    expect(world.closed).toBe(1)
  })

  it('tries another form at once when the first did not come through, and keeps to it', async () => {
    world.urls = { ...world.urls, fmp4: 'ws://elsewhere:2/live?token=u' }
    const { start, state, way, failure } = player()

    start(CHANNEL)
    await settle(12_000)

    expect(world.opened[1]).toBe('fmp4 ws://elsewhere:2/live?token=u')
    expect(world.starts).toBe(2)
    world.showFrame()
    await settle()
    expect([state.value, way.value?.form, failure.value]).toEqual(['playing', 'fmp4', null])
  })

  it('goes on at once when the server no longer knows it as a viewer', async () => {
    const { start, state } = player()
    start(CHANNEL)
    await settle()
    world.showFrame()
    await settle(500)
    world.answers = [{ ...sessionIn('streaming'), figures: { viewers: [{ viewer_id: 'somebody else' }] } } as Session]

    await settle(1_000)

    expect(world.opened).toHaveLength(2)
    world.showFrame()
    world.answers = [sessionIn('streaming')]
    await settle()
    expect(state.value).toBe('playing')
  })

  it('begins anew when a stream that plays is lost, with the shortest pause', async () => {
    const { start, state, failure, retryInS } = player()
    start(CHANNEL)
    await settle()
    world.showFrame()
    await settle(10_000)

    world.lose(new ConnectionLostError('failed'))
    await settle()

    expect([state.value, failure.value?.cause, retryInS.value]).toEqual(['waiting', 'browser_connection', 1])
    expect(world.closed).toBe(1)
    await settle(1_000)
    world.showFrame()
    await settle()
    expect([state.value, failure.value]).toEqual(['playing', null])
  })

  it('keeps its picture while the server asks the camera again, however long nothing comes', async () => {
    const { start, state, session } = player()
    start(CHANNEL)
    await settle()
    world.showFrame()
    await settle(500)
    world.bytesALook = 0
    world.answers = [sessionIn('recovering', ['first_picture', 'interrupted'])]

    await settle(60_000)

    expect([state.value, session.value?.state, world.closed]).toEqual(['playing', 'recovering', 0])
    world.bytesALook = 1_000
    world.answers = [sessionIn('streaming')]
    await settle(60_000)
    expect([state.value, session.value?.state, world.starts]).toEqual(['playing', 'streaming', 1])
  })

  it('keeps its picture when the process that served it is lost, and connects anew once it streams', async () => {
    const { start, state } = player()
    start(CHANNEL)
    await settle()
    world.showFrame()
    await settle(500)
    world.answers = [sessionIn('recovering', ['first_picture', 'interrupted'])]

    world.lose(new ConnectionLostError('failed'))
    await settle(5_000)
    expect([state.value, world.closed]).toEqual(['playing', 0])

    world.answers = [sessionIn('streaming')]
    await settle(1_000)
    expect([world.closed, world.opened.length]).toEqual([1, 2])
    world.showFrame()
    await settle()
    expect(state.value).toBe('playing')
  })

  it('waits for a session that recovers when it joins, and says so', async () => {
    world.answers = [sessionIn('recovering', ['first_picture', 'interrupted'])]
    const { start, state, stage } = player()

    start(CHANNEL)
    await settle(30_000)

    expect([state.value, stage.value, world.opened]).toEqual(['connecting', 'recovering', []])
  })

  it.each([
    ['while it seems to play', () => undefined],
    ['when the connection breaks', () => world.lose(new ConnectionLostError('failed'))],
  ])('asks anew when a restarted server does not know its session, %s', async (_when, happen) => {
    const { start, state } = player()
    start(CHANNEL)
    await settle()
    world.showFrame()
    await settle(1_500)

    world.isForgotten = true
    happen()
    await settle(5_000)
    expect(world.starts).toBeGreaterThan(1)

    world.isForgotten = false
    await settle(30_000)
    world.showFrame()
    await settle()
    expect(state.value).toBe('playing')
  })

  it('tells why when the picture did not come back', async () => {
    const { start, failure } = player()
    start(CHANNEL)
    await settle()
    world.showFrame()
    await settle(500)
    world.answers = [sessionIn('recovering', ['first_picture'])]
    await settle(5_000)

    world.answers = [sessionIn('closed', ['first_picture', 'interrupted', 'given_up'], 'no_media')]
    await settle(1_000)

    expect(failure.value?.cause).toBe('media_stopped')
  })

  it('notices that the session has ended while it played', async () => {
    const { start, state, failure } = player()
    start(CHANNEL)
    await settle()
    world.showFrame()
    await settle(3_000)

    world.answers = [sessionIn('closed', [], 'ended_by_user')]
    await settle(60_000)

    expect([state.value, failure.value?.cause, world.starts]).toEqual(['failed', 'disconnected', 1])
  })

  it.each([
    ['while it seems to play', () => undefined],
    ['when the connection breaks', () => world.lose(new ConnectionLostError('failed'))],
  ])('does not come back by itself when an operator disconnected it, %s', async (_when, happen) => {
    const { start, state, failure } = player()
    start(CHANNEL)
    await settle()
    world.showFrame()
    await settle(1_500)

    const others = { viewers: [{ viewer_id: 'other' }] }
    world.answers = [{ ...sessionIn('streaming'), figures: others, disconnected: ['me'] } as unknown as Session]
    happen()
    await settle(120_000)

    expect([state.value, failure.value?.cause, world.starts]).toEqual(['failed', 'disconnected', 1])
  })

  it('leaves the stream and asks no more when it is stopped', async () => {
    const { start, stop, state } = player()
    start(CHANNEL)
    await settle()
    world.showFrame()
    await settle()

    stop()
    await settle(60_000)

    expect(state.value).toBe('idle')
    expect([world.starts, world.closed]).toEqual([1, 1])
    expect(world.video.srcObject).toBeNull()
  })

  it('stops with the component it belongs to', async () => {
    const { start } = player()
    start(CHANNEL)
    await settle()

    scope.stop()
    await settle()

    expect(world.closed).toBe(1)
  })
})
