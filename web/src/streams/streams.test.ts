import { VueQueryPlugin } from '@tanstack/vue-query'
import { enableAutoUnmount, flushPromises, mount } from '@vue/test-utils'
import { NMessageProvider } from 'naive-ui'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { h } from 'vue'
import { createI18n } from 'vue-i18n'
import type { Session } from '@/api/client'
import en from '@/i18n/en.json'
import { createMemoryHistory, createRouter } from 'vue-router'
import { useAccount } from '@/stores/account'
import { lossPercent, picture, totals } from '@/streams/model'
import StreamDrawer from '@/streams/StreamDrawer.vue'
import Streams from '@/views/Streams.vue'

const DEVICE = '34020000001320000001'
const CHANNEL = '34020000001310000001'

function viewer(viewer_id: string, user: string, bitrate_bps: number) {
  return {
    viewer_id,
    user,
    protocol: 'whep',
    address: '192.0.2.7:50000',
    connected_at: '2026-03-01T00:00:00Z',
    connected_s: 60,
    is_joined: true,
    delivery: 'transcoded',
    reason_code: 'transcoded',
    bitrate_bps,
    lost_percent: 1.25,
    resent: 17,
    pictures_dropped: 0,
    bytes_sent: 1,
    share_percent: 62.5,
  }
}

function session(patch: object = {}): Session {
  return {
    session_id: 's1',
    device_id: DEVICE,
    channel_id: CHANNEL,
    kind: 'live',
    stream: 'main',
    state: 'streaming',
    reason: '',
    error: '',
    transport: 'udp',
    ssrc: null,
    sip_status: null,
    codec: 'h265',
    width: 1920,
    height: 1080,
    started_at: '2026-03-01T00:00:00Z',
    viewers: 2,
    watching: [viewer('v1', 'duty', 2_500_000), viewer('v2', 'guest', 1_500_000)],
    recoveries: 1,
    fallback: 'refused TCP: 488',
    worker: 0,
    trace: [],
    figures: { bitrate_bps: 2_000_000, packets: 990, lost: 10, remote_address: '192.0.2.9:9000', audio_codec: null, transcoding: null },
    ...patch,
  } as unknown as Session
}

describe('the figures of streams', () => {
  it('add up what this node takes and gives', () => {
    const idle = session({ viewers: 0, watching: [], figures: null })

    expect(totals([session(), session(), idle])).toEqual({
      streams: 3,
      viewers: 4,
      incomingBps: 4_000_000,
      outgoingBps: 8_000_000,
    })
  })

  it('tell the loss of what the camera sent, once something came', () => {
    expect(lossPercent(session())).toBe(1)
    expect(lossPercent(session({ figures: null }))).toBeNull()
    expect(lossPercent(session({ figures: { packets: 0, lost: 0 } }))).toBeNull()
  })

  it('name the picture as far as it is known', () => {
    expect(picture(session())).toBe('H265 1920\u00d71080')
    expect(picture(session({ width: null, height: null }))).toBe('H265')
    expect(picture(session({ codec: null, width: null, height: null }))).toBe('')
  })
})

describe('the page of streams', () => {
  let stream: Session
  let asked: string[]

  beforeEach(() => {
    stream = session()
    asked = []
    setActivePinia(createPinia())
    vi.stubGlobal('fetch', (request: Request) => {
      const path = new URL(request.url).pathname.replace('/api/v1', '')
      if (request.method === 'DELETE') {
        asked.push(path)
        if (path === '/sessions/s1') stream = session({ state: 'closed', viewers: 0, watching: [] })
        return Promise.resolve(new Response(null, { status: 204 }))
      }
      if (path === '/sessions') return Promise.resolve(Response.json({ items: [stream], next_cursor: null }))
      if (path === '/metrics/summary') {
        return Promise.resolve(Response.json({ sessions_limit: null, viewers_limit: 50, outgoing_limit_bps: 100_000_000 }))
      }
      if (path === '/sessions/s1') return Promise.resolve(Response.json(stream))
      if (path.endsWith(CHANNEL)) return Promise.resolve(Response.json({ name: 'North gate' }))
      return Promise.resolve(Response.json({ time_zone: 'Asia/Shanghai' }))
    })
  })
  enableAutoUnmount(afterEach)
  afterEach(() => {
    document.body.innerHTML = ''
    vi.unstubAllGlobals()
  })

  async function shown(actions = ['read', 'control'], page = h(StreamDrawer, { sessionId: 's1' })): Promise<HTMLElement> {
    useAccount().$patch({ me: { actions } as never })
    const i18n = createI18n({ legacy: false, locale: 'en', messages: { en } })
    const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/:rest(.*)*', component: {} }] })
    await router.push('/streams')
    mount(NMessageProvider, {
      attachTo: document.body,
      slots: { default: () => page },
      global: { plugins: [i18n, router, [VueQueryPlugin, {}]] },
    })
    await flushPromises()
    return document.body
  }

  async function click(name: string): Promise<void> {
    document.querySelector<HTMLElement>(`[data-testid="${name}"]`)?.click()
    await flushPromises()
  }

  async function confirm(): Promise<void> {
    document.querySelector<HTMLElement>('.n-popconfirm__action .n-button--primary-type')?.click()
    await flushPromises()
  }

  it('lists what runs and why it runs so, and opens one', async () => {
    stream = session({ state: 'recovering', figures: { ...stream.figures, frames_per_s: 24.8 } })
    const page = await shown(['read', 'control'], h(Streams))

    for (const words of ['North gate', DEVICE, 'signal lost, reconnecting', 'not the first choice: refused TCP: 488', '1.00 %']) {
      expect(page.textContent).toContain(words)
    }
    expect(page.querySelector('[data-testid="streams-outgoing"]')?.textContent).toContain('4.00 Mbit/s')
    expect(page.querySelector('[data-testid="streams-outgoing"] .limit')?.textContent).toBe('of at most 100.00 Mbit/s (4 %)')
    expect(page.querySelector('[data-testid="streams-viewers"] .limit')?.textContent).toBe('of at most 50')
    expect(page.querySelector('[data-testid="streams-count"] .limit')).toBeNull()
    await click(`stream-${CHANNEL}`)
    await flushPromises()
    expect(page.querySelector('[data-testid="stream"]')).not.toBeNull()
  })

  it('tells who watches, how, and what they take of the node', async () => {
    const { textContent } = await shown()

    for (const words of ['North gate', 'duty', 'WebRTC', 'converted', '2.50 Mbit/s', '62.5 %', '17', 'refused TCP: 488']) {
      expect(textContent).toContain(words)
    }
  })

  it('disconnects one viewer after a second word only', async () => {
    await shown()

    await click('disconnect-v2')
    expect(asked).toEqual([])
    expect(document.body.textContent).toContain('End the picture of guest?')
    await confirm()

    expect(asked).toEqual(['/sessions/s1/viewers/v2'])
  })

  it('ends the stream for all after a second word, and then offers nothing more to end', async () => {
    const page = await shown()

    await click('end-stream')
    expect(asked).toEqual([])
    await confirm()

    expect(asked).toEqual(['/sessions/s1'])
    expect(page.querySelector('[data-testid="stream"]')?.getAttribute('data-state')).toBe('closed')
    expect(page.querySelector('[data-testid="end-stream"]')).toBeNull()
  })

  it('ends nothing for whoever may only look', async () => {
    const page = await shown(['read', 'watch'])

    expect(page.textContent).toContain('duty')
    expect(page.querySelector('[data-testid="end-stream"]')).toBeNull()
    expect(page.querySelector('[data-testid="disconnect-v1"]')).toBeNull()
  })
})
