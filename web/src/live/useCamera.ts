import { ref, shallowRef, type Ref } from 'vue'
import { api, take, type Schemas } from '@/api/client'
import type { ChannelKey } from '@/player/useLivePlayer'

export type Preset = Schemas['PresetOut']
export type CruiseTrack = Schemas['CruiseTrackOut']

const CHANNEL = '/api/v1/devices/{device_id}/channels/{channel_id}'

/** What one camera is asked and told beside moving. Each gives whether it worked. */
export function useCamera(camera: Ref<ChannelKey>, isForced: Ref<boolean>) {
  const presets = shallowRef<Preset[] | null>(null)
  const cruises = shallowRef<CruiseTrack[] | null>(null)
  const home = shallowRef<Schemas['HomePositionOut'] | null>(null)
  const trouble = shallowRef<unknown>(null)
  /** What the camera said to the last command. */
  const outcome = shallowRef<Schemas['CommandOutcome'] | null>(null)
  const isBusy = ref(false)

  const at = () => ({
    params: { path: { device_id: camera.value.deviceId, channel_id: camera.value.channelId } },
  })
  const force = () => ({ force: isForced.value })

  async function attempt(work: () => Promise<void>): Promise<boolean> {
    const asked = camera.value
    isBusy.value = true
    trouble.value = null
    outcome.value = null
    try {
      await work()
      return true
    } catch (error) {
      if (camera.value === asked) trouble.value = error
      return false
    } finally {
      isBusy.value = false
    }
  }

  const tell = (work: () => Promise<Schemas['CommandOutcome']>): Promise<boolean> =>
    attempt(async () => {
      outcome.value = await work()
    })

  /** Another camera: what is known of the last one does not count. */
  function forget(): void {
    presets.value = cruises.value = home.value = outcome.value = trouble.value = null
  }

  const readPresets = (): Promise<boolean> =>
    attempt(async () => {
      const found = await take(api.POST(`${CHANNEL}/query/presets`, { ...at(), body: force() }))
      presets.value = found.items
    })

  const readCruises = (): Promise<boolean> =>
    attempt(async () => {
      const found = await take(api.POST(`${CHANNEL}/query/cruises`, { ...at(), body: force() }))
      cruises.value = found.items
    })

  const readHome = (): Promise<boolean> =>
    attempt(async () => {
      const found = await take(api.POST(`${CHANNEL}/query/home-position`, { ...at(), body: force() }))
      home.value = found.home
    })

  const preset = (action: 'set' | 'call' | 'delete', number: number, name = ''): Promise<boolean> =>
    tell(() =>
      take(api.POST(`${CHANNEL}/presets`, { ...at(), body: { action, preset: number, name, ...force() } })),
    )

  const cruise = (action: 'start' | 'stop', number: number): Promise<boolean> =>
    tell(() =>
      take(api.POST(`${CHANNEL}/cruises`, { ...at(), body: { action, cruise: number, name: '', ...force() } })),
    )

  const scan = (
    action: 'start' | 'stop' | 'set_left_border' | 'set_right_border' | 'set_speed',
    number: number,
    speed: number | null = null,
  ): Promise<boolean> =>
    tell(() =>
      take(api.POST(`${CHANNEL}/scan`, { ...at(), body: { action, scan: number, speed, ...force() } })),
    )

  const wipe = (isOn: boolean): Promise<boolean> =>
    tell(() =>
      take(api.POST(`${CHANNEL}/auxiliary`, { ...at(), body: { switch: 1, is_on: isOn, ...force() } })),
    )

  const setHome = (isEnabled: boolean, number: number, resetTimeS: number): Promise<boolean> =>
    tell(() =>
      take(
        api.POST(`${CHANNEL}/home-position`, {
          ...at(),
          body: { is_enabled: isEnabled, preset: number, reset_time_s: resetTimeS, ...force() },
        }),
      ),
    )

  return {
    ...{ presets, cruises, home, trouble, outcome, isBusy, forget },
    ...{ readPresets, readCruises, readHome, preset, cruise, scan, wipe, setHome },
  }
}
