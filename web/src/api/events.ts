import type { components } from '@/api/schema'

type Schemas = components['schemas']

/** What the server tells by `/api/v1/events`, by the words of its `event:` lines. */
export interface ServerEvents {
  device_came_online: Schemas['DeviceCameOnline']
  device_went_offline: Schemas['DeviceWentOffline']
  device_added: Schemas['DeviceAdded']
  device_removed: Schemas['DeviceRemoved']
  device_waits: Schemas['DeviceWaits']
  catalog_progress: Schemas['CatalogProgress']
  catalog_changed: Schemas['CatalogChanged']
  channel_state_changed: Schemas['ChannelStateChanged']
  alarm_raised: Schemas['AlarmRaised']
  session_changed: Schemas['SessionChanged']
  registration_failed: Schemas['RegistrationFailed']
  subscription_changed: Schemas['SubscriptionChanged']
  movement_not_stopped: Schemas['MovementNotStopped']
  duplicate_device: Schemas['DuplicateDevice']
  anomaly_found: Schemas['AnomalyFound']
  device_changed: Schemas['DeviceChanged']
  job_progress: Schemas['JobProgress']
  outage_began: Schemas['OutageBegan']
  outage_changed: Schemas['OutageChanged']
  outage_ended: Schemas['OutageEnded']
  /** Something was missed: read again. */
  resync: Record<string, never>
}

export type EventName = keyof ServerEvents

const NAMES: readonly EventName[] = [
  'device_came_online',
  'device_went_offline',
  'device_added',
  'device_removed',
  'device_waits',
  'catalog_progress',
  'catalog_changed',
  'channel_state_changed',
  'alarm_raised',
  'session_changed',
  'registration_failed',
  'subscription_changed',
  'movement_not_stopped',
  'duplicate_device',
  'anomaly_found',
  'device_changed',
  'job_progress',
  'outage_began',
  'outage_changed',
  'outage_ended',
  'resync',
]

export interface EventSourceLike {
  readonly readyState: number
  onopen: ((event: Event) => void) | null
  onerror: ((event: Event) => void) | null
  addEventListener(name: string, listener: (event: MessageEvent<string>) => void): void
  close(): void
}

export interface EventStreamOptions {
  url?: string
  open?: (url: string) => EventSourceLike
  onConnected?: (isConnected: boolean) => void
}

const CLOSED = 2
const FIRST_DELAY_MS = 1_000
const LONGEST_DELAY_MS = 15_000

type Listener<N extends EventName> = (event: ServerEvents[N]) => void

/**
 * The server's events. The browser resumes a broken stream by itself; where it gives up
 * (an answer that is no event stream) a new one is opened and `resync` told.
 */
export class EventStream {
  private readonly listeners = new Map<EventName, Set<(event: never) => void>>()
  private source: EventSourceLike | null = null
  private timer: ReturnType<typeof setTimeout> | undefined
  private delayMs = FIRST_DELAY_MS
  private hasGap = false

  constructor(private readonly options: EventStreamOptions = {}) {}

  /** Hears events of one kind; the result stops that. */
  on<N extends EventName>(name: N, listener: Listener<N>): () => void {
    const set = this.listeners.get(name) ?? new Set()
    this.listeners.set(name, set)
    set.add(listener)
    return () => void set.delete(listener)
  }

  open(): void {
    if (this.source !== null) return
    const open = this.options.open ?? ((url: string): EventSourceLike => new EventSource(url))
    const source = open(this.options.url ?? '/api/v1/events')
    this.source = source
    source.onopen = () => {
      this.delayMs = FIRST_DELAY_MS
      this.options.onConnected?.(true)
      if (this.hasGap) this.tell('resync', {})
      this.hasGap = false
    }
    source.onerror = () => {
      this.options.onConnected?.(false)
      if (source.readyState === CLOSED) this.openLater()
    }
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        this.tell(name, JSON.parse(event.data) as ServerEvents[typeof name])
      })
    }
  }

  close(): void {
    clearTimeout(this.timer)
    this.source?.close()
    this.source = null
    this.options.onConnected?.(false)
  }

  private openLater(): void {
    this.source?.close()
    this.source = null
    this.hasGap = true
    this.timer = setTimeout(() => this.open(), this.delayMs)
    this.delayMs = Math.min(this.delayMs * 2, LONGEST_DELAY_MS)
  }

  private tell<N extends EventName>(name: N, event: ServerEvents[N]): void {
    for (const listener of this.listeners.get(name) ?? []) (listener as Listener<N>)(event)
  }
}
