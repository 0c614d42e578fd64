import { onScopeDispose, shallowRef } from 'vue'
import { api, ApiError, take, type Schemas } from '@/api/client'
import type { ChannelKey } from '@/player/useLivePlayer'

export type Steering = Schemas['Steering']

/** Per cent of the fastest; what is left out stands still. */
export interface Way {
  /** To the right. */
  pan?: number
  /** Up. */
  tilt?: number
  /** In. */
  zoom?: number
  /** Far. */
  focus?: number
  /** Open. */
  iris?: number
}

/** What steering asks of the world; tests give their own. */
export interface SteeringTools {
  move: (camera: ChannelKey, way: Way, isForced: boolean) => Promise<Steering>
  stop: (camera: ChannelKey) => Promise<unknown>
  state: (camera: ChannelKey) => Promise<Steering>
}

const RENEW_EVERY_MS = 500
const HOLD_S = 3
const PTZ = '/api/v1/devices/{device_id}/channels/{channel_id}/ptz'

function at({ deviceId, channelId }: ChannelKey) {
  return { params: { path: { device_id: deviceId, channel_id: channelId } } }
}

const tools: SteeringTools = {
  move: (camera, way, force) =>
    take(
      api.POST(PTZ, {
        ...at(camera),
        body: { pan: 0, tilt: 0, zoom: 0, focus: 0, iris: 0, ...way, hold_s: HOLD_S, force },
      }),
    ),
  // Goes out even when the page is being left.
  stop: (camera) => take(api.DELETE(PTZ, { ...at(camera), keepalive: true })),
  state: (camera) => take(api.GET(PTZ, at(camera))),
}

function isSame(one: ChannelKey, other: ChannelKey): boolean {
  return one.deviceId === other.deviceId && one.channelId === other.channelId
}

function isRefused(error: unknown): boolean {
  return error instanceof ApiError && error.problem.status >= 400 && error.problem.status < 500
}

/**
 * Moves a camera for as long as somebody holds a key or a button: renews while it is held, stops
 * when it is let go, when the window loses the focus, is hidden or left, and with its component.
 * What gets lost on the way the server stops by itself.
 */
export function useSteering(world: SteeringTools = tools) {
  /** The way it is moved now, null when it is let go. */
  const way = shallowRef<Way | null>(null)
  /** Why it did not move, or did not surely stop. */
  const trouble = shallowRef<unknown>(null)
  const pending = new Set<Promise<unknown>>()
  let held: { camera: ChannelKey; isForced: boolean } | null = null
  let timer: ReturnType<typeof setInterval> | undefined

  function letGo(): ChannelKey | null {
    const camera = held?.camera ?? null
    held = null
    way.value = null
    clearInterval(timer)
    return camera
  }

  async function send(): Promise<void> {
    if (held === null || way.value === null) return
    const mine = held
    const sent = world.move(mine.camera, way.value, mine.isForced)
    pending.add(sent)
    try {
      await sent
    } catch (error) {
      if (held !== mine) return
      trouble.value = error
      letGo()
      if (!isRefused(error)) void stop(mine.camera)
    } finally {
      pending.delete(sent)
    }
  }

  /** A movement that was still on its way to the server may have come after the stop. */
  async function stopLatecomers(camera: ChannelKey): Promise<void> {
    if (pending.size === 0) return
    await Promise.allSettled([...pending])
    if (held !== null) return
    const { is_moving: isMoving, is_yours: isOurs } = await world.state(camera)
    if (isMoving && isOurs && held === null) await world.stop(camera)
  }

  async function stop(camera: ChannelKey): Promise<void> {
    try {
      await world.stop(camera)
      await stopLatecomers(camera)
    } catch (error) {
      trouble.value = error
    }
  }

  /** Begins, or changes the way. */
  function hold(camera: ChannelKey, wanted: Way, isForced = false): void {
    if (held !== null && !isSame(held.camera, camera)) release()
    trouble.value = null
    clearInterval(timer)
    held = { camera: { deviceId: camera.deviceId, channelId: camera.channelId }, isForced }
    way.value = wanted
    timer = setInterval(() => void send(), RENEW_EVERY_MS)
    void send()
  }

  function release(): void {
    const camera = letGo()
    if (camera !== null) void stop(camera)
  }

  function hidden(): void {
    if (document.visibilityState === 'hidden') release()
  }

  window.addEventListener('blur', release)
  window.addEventListener('pagehide', release)
  document.addEventListener('visibilitychange', hidden)
  onScopeDispose(() => {
    window.removeEventListener('blur', release)
    window.removeEventListener('pagehide', release)
    document.removeEventListener('visibilitychange', hidden)
    release()
  })
  return { way, trouble, hold, release }
}
