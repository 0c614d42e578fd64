import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import { api, take, type Schemas } from '@/api/client'
import { withOffset, type Period } from '@/figures/periods'
import type { ChannelKey } from '@/player/useLivePlayer'
import { pause } from '@/player/waiting'

export type RecordSearch = Schemas['RecordSearch']
export type Recording = Schemas['RecordingOut']

/** What a search asks of the world; tests give their own. */
export interface RecordTools {
  start: (channel: ChannelKey, period: { start: string; end: string }) => Promise<RecordSearch>
  page: (channel: ChannelKey, jobId: string, cursor: string | null) => Promise<RecordSearch>
}

const PER_PAGE = 1000
const LOOK_EVERY_MS = 700
const CHANNEL = '/api/v1/devices/{device_id}/channels/{channel_id}'

const tools: RecordTools = {
  start: ({ deviceId, channelId }, period) =>
    take(
      api.POST(`${CHANNEL}/records`, {
        params: { path: { device_id: deviceId, channel_id: channelId } },
        body: { ...period, force: false },
      }),
    ),
  page: ({ deviceId, channelId }, jobId, cursor) =>
    take(
      api.GET(`${CHANNEL}/records/{job_id}`, {
        params: {
          path: { device_id: deviceId, channel_id: channelId, job_id: jobId },
          query: { limit: PER_PAGE, ...(cursor === null ? {} : { cursor }) },
        },
      }),
    ),
}

/** Searches the recordings of a channel at its device; tells how far that is and what is missing. */
export function useRecordSearch(world: RecordTools = tools) {
  const job = shallowRef<RecordSearch | null>(null)
  const found = shallowRef<Recording[]>([])
  const trouble = shallowRef<unknown>(null)
  const isBusy = ref(false)
  let running = new AbortController()
  onScopeDispose(() => running.abort())

  async function all(channel: ChannelKey, jobId: string): Promise<Recording[]> {
    const recordings: Recording[] = []
    let cursor: string | null = null
    do {
      const page: RecordSearch = await world.page(channel, jobId, cursor)
      recordings.push(...page.items)
      cursor = page.next_cursor
    } while (cursor !== null)
    return recordings
  }

  async function search(channel: ChannelKey, period: Period, zone: string): Promise<void> {
    running.abort()
    running = new AbortController()
    const { signal } = running
    trouble.value = null
    found.value = []
    job.value = null
    isBusy.value = true
    try {
      const span = { start: withOffset(period.from, zone), end: withOffset(period.to, zone) }
      let seen = await world.start(channel, span)
      while (!signal.aborted && seen.state === 'running') {
        job.value = seen
        await pause(LOOK_EVERY_MS, signal)
        seen = await world.page(channel, seen.job_id, null)
      }
      const recordings = await all(channel, seen.job_id)
      if (signal.aborted) return
      job.value = seen
      found.value = recordings
    } catch (error) {
      if (!signal.aborted) trouble.value = error
    } finally {
      if (!signal.aborted) isBusy.value = false
    }
  }

  const share = computed(() => {
    const { slices = 0, slices_done: done = 0 } = job.value ?? {}
    return slices > 0 ? Math.floor((100 * done) / slices) : 0
  })
  return { job, found, trouble, isBusy, share, search }
}
