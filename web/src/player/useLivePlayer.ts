import { onScopeDispose, ref, shallowRef, type Ref } from 'vue'
import { api, ApiError, take, type LiveSession, type Session } from '@/api/client'
import { decodedCodecs, shownCodecs } from '@/player/abilities'
import { chooseWay, mayComeThroughOtherwise, takenForms, type Choice, type Way } from '@/player/choice'
import { ConnectionLostError, type PlayConnection, type PlayForm, type PlayTarget } from '@/player/connection'
import { failureOf, isWorthRetrying, PlayError, type Cause, type Failure } from '@/player/failure'
import { RECOVERING, standing, type Stage } from '@/player/stages'
import { openFmp4 } from '@/player/fmp4'
import type { Counters, PlayStats } from '@/player/stats'
import { backOffS, Bell } from '@/player/waiting'
import { openWhep } from '@/player/whep'

export interface ChannelKey {
  deviceId: string
  channelId: string
}

type StreamName = 'main' | 'sub'

export type PlayerState = 'idle' | 'connecting' | 'playing' | 'waiting' | 'failed'

/** What the player asks of the world; tests give their own. */
export interface PlayerTools {
  startLive: (channel: ChannelKey, stream: StreamName, signal: AbortSignal) => Promise<LiveSession>
  session: (sessionId: string, signal: AbortSignal) => Promise<Session>
  takenForms: () => PlayForm[]
  open: (target: PlayTarget, signal: AbortSignal) => Promise<PlayConnection>
}

const tools: PlayerTools = {
  startLive: ({ deviceId, channelId }, stream, signal) =>
    take(
      api.POST('/api/v1/devices/{device_id}/channels/{channel_id}/live', {
        params: { path: { device_id: deviceId, channel_id: channelId }, query: { stream } },
        body: { webrtc: shownCodecs(), media_source: decodedCodecs() },
        signal,
      }),
    ),
  session: (sessionId, signal) =>
    take(
      api.GET('/api/v1/sessions/{session_id}', {
        params: { path: { session_id: sessionId } },
        signal,
      }),
    ),
  takenForms,
  open: (target, signal) =>
    target.form === 'whep'
      ? openWhep({ ...target, url: ourAddress(target.url) }, signal)
      : openFmp4(target.url, signal),
}

const ASK_EVERY_MS = 400
const FIRST_FRAME_LIMIT_MS = 12_000
const LOOK_EVERY_MS = 1_000
const SESSION_EVERY_LOOKS = 4
const SILENT_LOOKS = 8

/** Calls back with the first frame that is shown; the result stops waiting. */
function whenShown(video: HTMLVideoElement, shown: () => void): () => void {
  if (typeof video.requestVideoFrameCallback === 'function') {
    const handle = video.requestVideoFrameCallback(shown)
    return () => video.cancelVideoFrameCallback(handle)
  }
  video.addEventListener('loadeddata', shown, { once: true })
  return () => video.removeEventListener('loadeddata', shown)
}

/** Only the path: behind a proxy the server may know another name of itself than we do. */
function ourAddress(url: string): string {
  const { pathname, search } = new URL(url, window.location.href)
  return pathname + search
}

/**
 * Plays one channel into a video element: asks for a live session, follows its trace until it
 * streams, connects, watches the stream, and begins anew with growing pauses when it ends.
 */
export function useLivePlayer(video: Ref<HTMLVideoElement | null>, world: PlayerTools = tools) {
  const state = ref<PlayerState>('idle')
  const stage = ref<Stage>('asking')
  const failure = shallowRef<Failure | null>(null)
  const session = shallowRef<Session | null>(null)
  const stats = shallowRef<PlayStats | null>(null)
  const firstFrameMs = ref<number | null>(null)
  /** How the picture is shown, and why so. */
  const way = shallowRef<Way | null>(null)
  const retryInS = ref(0)
  const bell = new Bell()
  let running: AbortController | null = null
  let current: ChannelKey | null = null
  let isNewsWaiting = false
  let isRetryWanted = false
  /** Forms in which this channel did not come through to this browser. */
  const failedForms = new Set<PlayForm>()
  let tried: PlayForm | null = null

  async function untilStreaming(live: LiveSession, signal: AbortSignal): Promise<void> {
    for (;;) {
      const seen = await world.session(live.session_id, signal).catch(movedIfForgotten)
      session.value = seen
      stage.value = standing(seen)
      if (seen.state === 'streaming') return
      refuseEnded(seen)
      await bell.wait(ASK_EVERY_MS, signal)
    }
  }

  function firstFrame(element: HTMLVideoElement, lost: Promise<never>): Promise<void> {
    let stop = (): void => undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    const shown = new Promise<void>((resolve, reject) => {
      stop = whenShown(element, resolve)
      timer = setTimeout(() => reject(new PlayError('no_frames')), FIRST_FRAME_LIMIT_MS)
    })
    return Promise.race([shown, lost]).finally(() => {
      clearTimeout(timer)
      stop()
    })
  }

  /** Looks after a stream that plays; ends only by throwing, as late as its last picture is of use. */
  async function watch(connection: PlayConnection, signal: AbortSignal): Promise<never> {
    try {
      return await lookAfter(connection, signal)
    } catch (error) {
      if (!(error instanceof ConnectionLostError) || session.value === null) throw error
      // The process that served it may be gone: the last picture stays until the camera sends again.
      const wasRecovering = await hasRecovered(session.value.session_id, connection.viewerId, signal)
      throw wasRecovering ? new PlayError('moved') : error
    }
  }

  /** Whether the session was being recovered, and is again as it was; throws where it has ended. */
  async function hasRecovered(
    sessionId: string,
    viewerId: string | null,
    signal: AbortSignal,
  ): Promise<boolean> {
    for (let looks = 0; ; looks += 1) {
      const seen = await world.session(sessionId, signal).catch(() => null)
      if (seen === null) return false
      session.value = seen
      refuseEnded(seen)
      refuseDisconnected(seen, viewerId)
      if (seen.state !== RECOVERING) return looks > 0
      await bell.wait(LOOK_EVERY_MS, signal)
    }
  }

  async function lookAfter(connection: PlayConnection, signal: AbortSignal): Promise<never> {
    let before: Counters | null = null
    let silentLooks = 0
    let isRecovering = false
    for (let look = 1; ; look += 1) {
      await Promise.race([bell.wait(LOOK_EVERY_MS, signal), connection.lost])
      const read = await connection.read(before)
      if (read !== null) {
        silentLooks = before !== null && read.counters.bytes === before.bytes ? silentLooks + 1 : 0
        before = read.counters
        stats.value = read.stats
      }
      if (session.value === null) continue
      const isSilent = silentLooks >= SILENT_LOOKS
      if (isSilent || isRecovering || look === 1 || look % SESSION_EVERY_LOOKS === 0 || isNewsWaiting) {
        isNewsWaiting = false
        const seen = await world.session(session.value.session_id, signal).catch(movedIfForgotten)
        session.value = seen
        refuseEnded(seen)
        refuseDisconnected(seen, connection.viewerId)
        isRecovering = seen.state === RECOVERING
        if (isRecovering) {
          silentLooks = 0 // nothing can come; the server asks the camera again
          continue
        }
        if (hasForgotten(seen, connection.viewerId)) throw new PlayError('moved')
        if (isSilent) throw new PlayError('media_stopped')
      }
    }
  }

  /** Until the stream runs and it is known how this browser shall get it: maybe the sub-stream. */
  async function untilChosen(
    channel: ChannelKey,
    signal: AbortSignal,
  ): Promise<{ live: LiveSession; chosen: Choice }> {
    let stream: StreamName = 'main'
    for (;;) {
      const asked = await world.startLive(channel, stream, signal)
      if (asked.state !== 'streaming') await untilStreaming(asked, signal)
      // The codec is known only now, and with it what serves this browser best.
      const live = asked.codec === null ? await world.startLive(channel, stream, signal) : asked
      const chosen = chooseWay(live, failedForms, world.takenForms())
      way.value = chosen.way
      tried = chosen.form
      if (stream === 'sub' || chosen.way.stream === stream) return { live, chosen }
      stream = 'sub'
    }
  }

  async function play(channel: ChannelKey, clickedAt: number, signal: AbortSignal): Promise<never> {
    state.value = 'connecting'
    stage.value = 'asking'
    stats.value = null
    session.value = null
    const { live, chosen } = await untilChosen(channel, signal)
    stage.value = 'connecting_browser'
    const connection = await world.open(chosen, signal)
    try {
      const element = video.value
      if (element === null) throw new PlayError('internal', 'the tile has no video element')
      connection.attach(element)
      void element.play().catch(() => undefined) // the first frame is what counts
      await Promise.race([firstFrame(element, connection.lost), untilAborted(signal)])
      firstFrameMs.value = Math.round(performance.now() - clickedAt)
      state.value = 'playing'
      failure.value = null
      session.value ??= await world.session(live.session_id, signal).catch(movedIfForgotten)
      failedForms.clear()
      return await watch(connection, signal)
    } finally {
      void connection.close()
    }
  }

  async function pauseBeforeRetry(failures: number, signal: AbortSignal): Promise<void> {
    state.value = 'waiting'
    for (retryInS.value = backOffS(failures); retryInS.value > 0; retryInS.value -= 1) {
      isNewsWaiting = false
      await bell.wait(1_000, signal)
      if (isRetryWanted) break
    }
    isRetryWanted = false
  }

  /** Whether to go on at once: the stream moved, or another form may come through. */
  function isWorthGoingOn(cause: Cause, wasPlaying: boolean): boolean {
    if (wasPlaying) return cause === 'moved'
    if (tried === null || !mayComeThroughOtherwise(cause)) return false
    failedForms.add(tried)
    if (world.takenForms().some((other) => !failedForms.has(other))) return true
    failedForms.clear()
    return false
  }

  async function run(channel: ChannelKey, signal: AbortSignal): Promise<void> {
    let clickedAt = performance.now()
    for (let failures = 1; ; failures += 1) {
      try {
        await play(channel, clickedAt, signal)
      } catch (error) {
        if (signal.aborted) return
        const wasPlaying = state.value === 'playing'
        if (wasPlaying) failures = 1
        failure.value = failureOf(error)
        if (isWorthGoingOn(failure.value.cause, wasPlaying)) continue
        if (!isWorthRetrying(failure.value)) {
          state.value = 'failed'
          return
        }
      }
      try {
        await pauseBeforeRetry(failures, signal)
      } catch {
        return
      }
      clickedAt = performance.now()
    }
  }

  function stop(): void {
    running?.abort()
    running = null
    current = null
    state.value = 'idle'
    failure.value = null
    session.value = null
    stats.value = null
    way.value = null
    tried = null
    failedForms.clear()
    firstFrameMs.value = null
  }

  function start(channel: ChannelKey): void {
    stop()
    current = channel
    running = new AbortController()
    void run(channel, running.signal)
  }

  /** Now, not when the pause is over. */
  function retry(): void {
    if (state.value === 'waiting') {
      isRetryWanted = true
      bell.ring()
    } else if (current !== null) {
      start(current)
    }
  }

  /** The session has news, or the device came back: look at once. */
  function poke(): void {
    isNewsWaiting = true
    bell.ring()
  }

  onScopeDispose(stop)
  return { state, stage, failure, session, stats, firstFrameMs, way, retryInS, start, stop, retry, poke }
}

/** A server that was started anew knows nothing of the session; the channel is as it was. */
function movedIfForgotten(error: unknown): never {
  throw error instanceof ApiError && error.problem.status === 404 ? new PlayError('moved') : error
}

function refuseEnded(session: Session): void {
  if (session.state === 'closing' || session.state === 'closed') {
    throw new PlayError('ended', session.error, session)
  }
}

/** An operator ended this viewer: it does not come back by itself. */
function refuseDisconnected(session: Session, viewerId: string | null): void {
  if (viewerId !== null && session.disconnected.includes(viewerId)) throw new PlayError('disconnected')
}

/** The stream runs, and this viewer is not among those it goes to: it was lost with its process. */
function hasForgotten(session: Session, viewerId: string | null): boolean {
  const viewers = session.figures?.viewers
  return viewerId !== null && viewers !== undefined && !viewers.some(({ viewer_id }) => viewer_id === viewerId)
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')), {
      once: true,
    })
  })
}
