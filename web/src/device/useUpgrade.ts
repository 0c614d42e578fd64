import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import { api, take, type Schemas } from '@/api/client'
import { pause } from '@/player/waiting'

export type Upgrade = Schemas['Upgrade']
export type UpgradeOrder = Schemas['UpgradeOrder']

/** What an upgrade asks of the world; tests give their own. */
export interface UpgradeTools {
  start: (deviceId: string, order: UpgradeOrder) => Promise<Upgrade>
  look: (deviceId: string, jobId: string) => Promise<Upgrade>
  pause: (ms: number, signal: AbortSignal) => Promise<void>
}

const LOOK_EVERY_MS = 2_000

const tools: UpgradeTools = {
  start: (deviceId, body) =>
    take(
      api.POST('/api/v1/devices/{device_id}/control/upgrade', {
        params: { path: { device_id: deviceId } },
        body,
      }),
    ),
  look: (deviceId, jobId) =>
    take(
      api.GET('/api/v1/devices/{device_id}/upgrades/{job_id}', {
        params: { path: { device_id: deviceId, job_id: jobId } },
      }),
    ),
  pause,
}

/** Makes a device install a firmware and follows what becomes of it. */
export function useUpgrade(world: UpgradeTools = tools) {
  const job = shallowRef<Upgrade | null>(null)
  const trouble = shallowRef<unknown>(null)
  const isBusy = ref(false)
  let running = new AbortController()
  onScopeDispose(() => running.abort())

  /** Another device: the upgrade goes on, but is no longer looked at. */
  function forget(): void {
    running.abort()
    job.value = trouble.value = null
    isBusy.value = false
  }

  async function install(deviceId: string, order: UpgradeOrder): Promise<void> {
    forget()
    running = new AbortController()
    const { signal } = running
    isBusy.value = true
    try {
      let seen = await world.start(deviceId, order)
      while (!signal.aborted && seen.state === 'running') {
        job.value = seen
        await world.pause(LOOK_EVERY_MS, signal)
        seen = await world.look(deviceId, seen.job_id)
      }
      if (!signal.aborted) job.value = seen
    } catch (error) {
      if (!signal.aborted) trouble.value = error
    } finally {
      if (!signal.aborted) isBusy.value = false
    }
  }

  /** Ordered, taken, told: what is left until the device's own word. */
  const step = computed(() => {
    const now = job.value
    if (now === null) return ''
    return now.state === 'running' ? (now.is_accepted ? 'taken' : 'ordered') : now.state
  })
  return { job, trouble, isBusy, step, install, forget }
}
