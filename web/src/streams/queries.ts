import { useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { api, take, type Session } from '@/api/client'
import type { EventName } from '@/api/events'
import { useFreshness } from '@/devices/queries'
import type { Limits } from '@/streams/model'

const NEWS: readonly EventName[] = ['session_changed', 'resync']
const EVERY_MS = 3_000
const GATHER_MS = 1_000
const PER_PAGE = 1_000
const NAME_KEPT_MS = 600_000
const LIMITS_KEPT_MS = 60_000

async function readAll(signal: AbortSignal): Promise<Session[]> {
  const all: Session[] = []
  let cursor: string | null = null
  do {
    const page: { items: Session[]; next_cursor: string | null } = await take(
      api.GET('/api/v1/sessions', {
        params: { query: { limit: PER_PAGE, ...(cursor === null ? {} : { cursor }) } },
        signal,
      }),
    )
    all.push(...page.items)
    cursor = page.next_cursor
  } while (cursor !== null)
  return all
}

/** All streams that run, in order of their start; read again every few seconds and on news. */
export function useStreams() {
  useFreshness([['streams']], NEWS, undefined, GATHER_MS)
  const query = useQuery({
    queryKey: ['streams'],
    refetchInterval: EVERY_MS,
    queryFn: ({ signal }) => readAll(signal),
  })
  const streams = computed(() => query.data.value ?? [])
  return { ...query, streams }
}

/** How much this node takes on: settings, which a restart may change. */
export function useLimits() {
  return useQuery({
    queryKey: ['node-limits'],
    staleTime: LIMITS_KEPT_MS,
    queryFn: async ({ signal }): Promise<Limits> => {
      const summary = await take(api.GET('/api/v1/metrics/summary', { signal }))
      return {
        streams: summary.sessions_limit,
        viewers: summary.viewers_limit,
        outgoingBps: summary.outgoing_limit_bps,
      }
    },
  })
}

/** One stream, running or over. */
export function useStream(sessionId: Ref<string>) {
  useFreshness([['stream']], NEWS, undefined, GATHER_MS)
  return useQuery({
    queryKey: ['stream', sessionId],
    refetchInterval: EVERY_MS,
    queryFn: ({ signal }) =>
      take(
        api.GET('/api/v1/sessions/{session_id}', {
          params: { path: { session_id: sessionId.value } },
          signal,
        }),
      ),
  })
}

/** The name of a channel on file; empty until it is known, or where it has none. */
export function useChannelName(deviceId: Ref<string>, channelId: Ref<string>): Ref<string> {
  const { data } = useQuery({
    queryKey: ['channel-name', deviceId, channelId],
    staleTime: NAME_KEPT_MS,
    queryFn: async ({ signal }) => {
      const path = { device_id: deviceId.value, channel_id: channelId.value }
      const channel = await take(
        api.GET('/api/v1/devices/{device_id}/channels/{channel_id}', { params: { path }, signal }),
      )
      return channel.name
    },
  })
  return computed(() => data.value ?? '')
}

/** Ending streams and viewers; both throw `ApiError`. */
export function useEnding() {
  const client = useQueryClient()

  async function readAgain(): Promise<void> {
    await Promise.all([['streams'], ['stream']].map((queryKey) => client.invalidateQueries({ queryKey })))
  }

  async function endStream(sessionId: string): Promise<void> {
    await take(api.DELETE('/api/v1/sessions/{session_id}', { params: { path: { session_id: sessionId } } }))
    await readAgain()
  }

  async function disconnect(sessionId: string, viewerId: string): Promise<void> {
    const path = { session_id: sessionId, viewer_id: viewerId }
    await take(api.DELETE('/api/v1/sessions/{session_id}/viewers/{viewer_id}', { params: { path } }))
    await readAgain()
  }

  return { endStream, disconnect }
}
