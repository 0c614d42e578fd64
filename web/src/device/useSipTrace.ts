import { computed, onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue'
import { api, ApiError, networkProblem, take, type Schemas } from '@/api/client'

export type SipMessage = Schemas['SipMessageOut']

export interface TraceSource {
  addEventListener(name: string, listener: (event: MessageEvent<string>) => void): void
  onopen: ((event: Event) => void) | null
  onerror: ((event: Event) => void) | null
  readonly readyState: number
  close(): void
}

/** What a trace asks of the world; tests give their own. */
export interface TraceTools {
  page: (deviceId: string, cursor: string | null) => Promise<{ items: SipMessage[]; next_cursor: string | null }>
  open: (deviceId: string) => TraceSource
}

const PER_PAGE = 1000
const CLOSED = 2
/** More than these are not held here; the capture has them all. */
export const MOST = 5_000

const tools: TraceTools = {
  page: (deviceId, cursor) =>
    take(
      api.GET('/api/v1/devices/{device_id}/sip-trace', {
        params: {
          path: { device_id: deviceId },
          query: { limit: PER_PAGE, ...(cursor === null ? {} : { cursor }) },
        },
      }),
    ),
  open: (deviceId) => new EventSource(`/api/v1/devices/${deviceId}/sip-trace/stream`),
}

/** INVITE of a request, INVITE as well of the answer to it. */
export function methodOf(message: Pick<SipMessage, 'raw'>): string {
  const first = /^(?!SIP\/)([A-Z]+) /.exec(message.raw)
  if (first?.[1] !== undefined) return first[1]
  return /^CSeq\s*:\s*\d+\s+([A-Z]+)/im.exec(message.raw)?.[1] ?? ''
}

/** The SIP messages of a device: those that are kept, and the next ones as they come. */
export function useSipTrace(deviceId: Ref<string>, world: TraceTools = tools) {
  const messages = shallowRef<SipMessage[]>([])
  const trouble = shallowRef<unknown>(null)
  const isLive = ref(false)
  let source: TraceSource | null = null
  let generation = 0

  function add(more: readonly SipMessage[]): void {
    const held = new Map(messages.value.map((one) => [one.number, one]))
    for (const one of more) held.set(one.number, one)
    messages.value = [...held.values()].sort((one, other) => one.number - other.number).slice(-MOST)
  }

  async function load(): Promise<void> {
    const mine = generation
    let cursor: string | null = null
    try {
      do {
        const page: Awaited<ReturnType<TraceTools['page']>> = await world.page(deviceId.value, cursor)
        if (mine !== generation) return
        add(page.items)
        cursor = page.next_cursor
      } while (cursor !== null)
    } catch (error) {
      if (mine === generation) trouble.value = error
    }
  }

  function close(): void {
    generation += 1
    source?.close()
    source = null
    isLive.value = false
  }

  function start(): void {
    close()
    messages.value = []
    trouble.value = null
    const opened = world.open(deviceId.value)
    source = opened
    // First the stream, then the list: nothing falls between them.
    opened.addEventListener('sip_message', (event) => add([JSON.parse(event.data) as SipMessage]))
    opened.addEventListener('resync', () => void load())
    opened.onopen = () => {
      isLive.value = true
      trouble.value = null
    }
    opened.onerror = () => {
      isLive.value = false
      if (opened.readyState === CLOSED) trouble.value ??= new ApiError(networkProblem(''))
    }
    void load()
  }

  watch(deviceId, start, { immediate: true })
  onScopeDispose(close)
  const methods = computed(() => [...new Set(messages.value.map(methodOf))].filter(Boolean).sort())
  return { messages, methods, trouble, isLive, start }
}
