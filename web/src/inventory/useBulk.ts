import { computed, ref } from 'vue'
import type { Schemas } from '@/api/client'
import type { ChannelKey } from '@/inventory/queries'

type Outcome = Schemas['ChannelOutcome']
type Outcomes = Schemas['ManyChannels']

/** So many in one request: few enough that progress can be seen. */
const AT_ONCE = 1000

/** The same for many channels, some at a time, and what became of each. */
export function useBulk(send: (channels: ChannelKey[]) => Promise<Outcomes>) {
  const total = ref(0)
  const done = ref(0)
  const refused = ref<Outcome[]>([])
  const isRunning = ref(false)
  const answered = computed(() => done.value + refused.value.length)
  const isOver = computed(() => total.value > 0 && answered.value === total.value)

  /** Throws what `send` throws; what was answered before it stays counted. */
  async function run(channels: readonly ChannelKey[]): Promise<void> {
    total.value = channels.length
    done.value = 0
    refused.value = []
    isRunning.value = true
    try {
      for (let at = 0; at < channels.length; at += AT_ONCE) {
        const outcomes = await send(channels.slice(at, at + AT_ONCE))
        done.value += outcomes.done
        refused.value = [...refused.value, ...outcomes.items.filter((item) => !item.is_done)]
      }
    } finally {
      isRunning.value = false
    }
  }

  return { total, done, refused, isRunning, isOver, answered, run }
}
