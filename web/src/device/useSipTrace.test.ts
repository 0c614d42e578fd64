import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { effectScope, nextTick, ref, type EffectScope } from 'vue'
import { methodOf, MOST, useSipTrace, type SipMessage, type TraceTools } from '@/device/useSipTrace'

function message(number: number, raw = 'MESSAGE sip:1@2 SIP/2.0\r\n'): SipMessage {
  return { number, raw } as SipMessage
}

class World {
  pages: SipMessage[][] = [[]]
  opened: string[] = []
  closed = 0
  listeners = new Map<string, (event: MessageEvent<string>) => void>()

  readonly tools: TraceTools = {
    page: (_deviceId, cursor) => {
      const at = Number(cursor ?? 0)
      const next_cursor = at + 1 < this.pages.length ? String(at + 1) : null
      return Promise.resolve({ items: this.pages[at] ?? [], next_cursor })
    },
    open: (deviceId) => {
      this.opened.push(deviceId)
      return {
        ...{ readyState: 1, onopen: null, onerror: null },
        addEventListener: (name, listener) => void this.listeners.set(name, listener),
        close: () => {
          this.closed += 1
        },
      }
    },
  }

  tell(one: SipMessage): void {
    this.listeners.get('sip_message')?.({ data: JSON.stringify(one) } as MessageEvent<string>)
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await nextTick()
}

describe('useSipTrace', () => {
  let world: World
  let scope: EffectScope

  beforeEach(() => {
    world = new World()
    scope = effectScope()
  })
  afterEach(() => scope.stop())

  function followed(deviceId = ref('1')) {
    return scope.run(() => useSipTrace(deviceId, world.tools)) as ReturnType<typeof useSipTrace>
  }

  it('puts the kept messages and those that come meanwhile in order, each once', async () => {
    world.pages = [[message(1), message(2)], [message(3)]]
    const trace = followed()
    world.tell(message(4))
    world.tell(message(3))
    await settled()

    expect(trace.messages.value.map(({ number }) => number)).toEqual([1, 2, 3, 4])
  })

  it('holds the newest only', async () => {
    world.pages = [Array.from({ length: MOST + 5 }, (_, at) => message(at))]
    const trace = followed()
    await settled()

    expect(trace.messages.value).toHaveLength(MOST)
    expect(trace.messages.value[0]?.number).toBe(5)
  })

  it('follows another device when it is asked for, and nobody when it is gone', async () => {
    const deviceId = ref('1')
    followed(deviceId)
    deviceId.value = '2'
    await settled()
    scope.stop()

    expect(world.opened).toEqual(['1', '2'])
    expect(world.closed).toBe(2)
  })
})

describe('methodOf', () => {
  it.each([
    ['REGISTER sip:1@2 SIP/2.0\r\nCSeq: 1 REGISTER\r\n', 'REGISTER'],
    ['SIP/2.0 200 OK\r\nVia: x\r\nCSeq: 20 INVITE\r\n\r\n', 'INVITE'],
    ['SIP/2.0 200 OK\r\ncseq : 20 BYE\r\n\r\n', 'BYE'],
    ['\u0000\u0001', ''],
  ])('reads %j', (raw, method) => {
    expect(methodOf({ raw })).toBe(method)
  })
})
