import { defineStore } from 'pinia'
import { onScopeDispose, ref } from 'vue'
import { EventStream, type EventName, type ServerEvents } from '@/api/events'

/** The server's events for the whole page, over one connection. */
export const useNews = defineStore('news', () => {
  const isConnected = ref(false)
  const stream = new EventStream({ onConnected: (is) => (isConnected.value = is) })

  /** Hears events until the component that asked is gone. */
  function hear<N extends EventName>(
    names: readonly N[],
    listener: (event: ServerEvents[N], name: N) => void,
  ): void {
    const stops = names.map((name) => stream.on(name, (event) => listener(event, name)))
    onScopeDispose(() => stops.forEach((stop) => stop()))
  }

  return {
    isConnected,
    hear,
    on: stream.on.bind(stream),
    open: () => stream.open(),
    close: () => stream.close(),
  }
})
