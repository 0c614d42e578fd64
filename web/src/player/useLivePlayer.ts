import { onScopeDispose, ref, shallowRef, type Ref } from 'vue'
import { api, take, type LiveSession, type Session } from '@/api/client'
import { failureOf, isWorthRetrying, PlayError, type Failure } from '@/player/failure'
import { furthest, type Stage } from '@/player/stages'
import { readStats, type Counters, type PlayStats } from '@/player/stats'
import { backOffS, Bell } from '@/player/waiting'
import { openWhep, type WhepConnection } from '@/player/whep'

export interface ChannelKey {
  deviceId: string
  channelId: string
}

export type PlayerState = 'idle' | 'connecting' | 'playing' | 'waiting' | 'failed'

/** What the player asks of the world; tests give their own. */
export interface PlayerTools {
  startLive: (channel: ChannelKey, signal: AbortSignal) => Promise<LiveSession>
  session: (sessionId: string, signal: AbortSignal) => Promise<Session>
  openWhep: (url: string, signal: AbortSignal) => Promise<WhepConnection>
}

const tools: PlayerTools = {
  startLive: ({ deviceId, channelId }, signal) =>
    take(
      api.POST('/api/v1/devices/{device_id}/channels/{channel_id}/live', {
        params: { path: { device_id: deviceId, channel_id: channelId } },
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
  openWhep: (url, signal) => openWhep(url, signal),
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
 * streams, connects by WHEP, watches the stream, and begins anew with growing pauses when it ends.
 */
export function useLivePlayer(video: Ref<HTMLVideoElement | null>, world: PlayerTools = tools) {
  const state = ref<PlayerState>('idle')
  const stage = ref<Stage>('asking')
  const failure = shallowRef<Failure | null>(null)
  const session = shallowRef<Session | null>(null)
  const stats = shallowRef<PlayStats | null>(null)
  const firstFrameMs = ref<number | null>(null)
  const retryInS = ref(0)
  const bell = new Bell()
  let running: AbortController | null = null
  let current: ChannelKey | null = null
  let isNewsWaiting = false
  let isRetryWanted = false

  async function untilStreaming(live: LiveSession, signal: AbortSignal): Promise<void> {
    for (;;) {
      const seen = await world.session(live.session_id, signal)
      session.value = seen
      stage.value = furthest(seen.trace)
      if (seen.state === 'streaming') return
      if (seen.state === 'closing' || seen.state === 'closed') {
        throw new PlayError('ended', seen.error, seen)
      }
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

  /** Looks after a stream that plays; ends only by throwing. */
  async function watch(connection: WhepConnection, signal: AbortSignal): Promise<never> {
    let before: Counters | null = null
    let silentLooks = 0
    for (let look = 1; ; look += 1) {
      await Promise.race([bell.wait(LOOK_EVERY_MS, signal), connection.lost])
      const read = readStats(await connection.stats(), before)
      if (read !== null) {
        silentLooks = before !== null && read.counters.bytes === before.bytes ? silentLooks + 1 : 0
        before = read.counters
        stats.value = read.stats
      }
      if (session.value === null) continue
      const isSilent = silentLooks >= SILENT_LOOKS
      if (isSilent || look === 1 || look % SESSION_EVERY_LOOKS === 0 || isNewsWaiting) {
        isNewsWaiting = false
        const seen = await world.session(session.value.session_id, signal)
        session.value = seen
        if (seen.state !== 'streaming') throw new PlayError('ended', seen.error, seen)
        if (isSilent) throw new PlayError('media_stopped')
      }
    }
  }

  async function play(channel: ChannelKey, clickedAt: number, signal: AbortSignal): Promise<never> {
    if (typeof RTCPeerConnection === 'undefined') throw new PlayError('browser_no_webrtc')
    state.value = 'connecting'
    stage.value = 'asking'
    stats.value = null
    session.value = null
    const live = await world.startLive(channel, signal)
    if (live.state !== 'streaming') await untilStreaming(live, signal)
    stage.value = 'connecting_browser'
    const connection = await world.openWhep(ourAddress(live.urls.whep), signal)
    try {
      const element = video.value
      if (element === null) throw new PlayError('internal', 'the tile has no video element')
      element.srcObject = connection.stream
      void element.play().catch(() => undefined) // the first frame is what counts
      await Promise.race([firstFrame(element, connection.lost), untilAborted(signal)])
      firstFrameMs.value = Math.round(performance.now() - clickedAt)
      state.value = 'playing'
      failure.value = null
      session.value ??= await world.session(live.session_id, signal)
      return await watch(connection, signal)
    } finally {
      if (video.value !== null) video.value.srcObject = null
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

  async function run(channel: ChannelKey, signal: AbortSignal): Promise<void> {
    let clickedAt = performance.now()
    for (let failures = 1; ; failures += 1) {
      try {
        await play(channel, clickedAt, signal)
      } catch (error) {
        if (signal.aborted) return
        if (state.value === 'playing') failures = 1
        failure.value = failureOf(error)
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
  return { state, stage, failure, session, stats, firstFrameMs, retryInS, start, stop, retry, poke }
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')), {
      once: true,
    })
  })
}
