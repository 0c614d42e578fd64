import { VueQueryPlugin } from '@tanstack/vue-query'
import { enableAutoUnmount, flushPromises, mount } from '@vue/test-utils'
import { NMessageProvider } from 'naive-ui'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { h } from 'vue'
import { createI18n } from 'vue-i18n'
import { createMemoryHistory, createRouter } from 'vue-router'
import en from '@/i18n/en.json'
import zh from '@/i18n/zh-CN.json'
import { queryClient } from '@/queries'
import { useAccount } from '@/stores/account'
import DevicePage from '@/views/DevicePage.vue'

const ID = '34020000001180000001'
const CAMERA = '34020000001320000001'
const INPUT = '34020000001340000001'
const DEVICE = `/api/v1/devices/${ID}`
const ALERT = '[data-testid="silent-alarms"]'
const GATE = {
  device_id: ID,
  name: 'North gate',
  status: 'online',
  edition: '2016',
  spoken_edition: '2016',
  faulty: [],
  anomalies: [],
}
const NOTHING = { items: [], next_cursor: null }
const DONE = { is_confirmed: true, sentence: 'OK' }

describe('the alarms of a device that wait for their reset', () => {
  let sources: string[]
  let asked: string[]
  let answers: Response[]

  beforeEach(() => {
    asked = []
    answers = []
    setActivePinia(createPinia())
    queryClient.clear()
    vi.stubGlobal('fetch', (request: Request) => {
      const path = new URL(request.url).pathname
      if (request.method === 'POST') {
        asked.push(path)
        return Promise.resolve(answers.shift() ?? Response.json(DONE))
      }
      if (path !== DEVICE) return Promise.resolve(Response.json(NOTHING))
      return Promise.resolve(Response.json({ ...GATE, alarms_awaiting_reset: sources }))
    })
  })
  enableAutoUnmount(afterEach)
  afterEach(() => vi.unstubAllGlobals())

  /** The page of a device without channels. */
  async function shown(waiting: string[], actions = ['read', 'control'], locale = 'en') {
    sources = waiting
    useAccount().$patch({ me: { actions } as never })
    const i18n = createI18n({ legacy: false, locale, messages: { en, 'zh-CN': zh } })
    const routes = [{ path: '/devices/:deviceId?', component: DevicePage }]
    const router = createRouter({ history: createMemoryHistory(), routes })
    await router.push(`/devices/${ID}`)
    const wrapper = mount(NMessageProvider, {
      attachTo: document.body,
      slots: { default: () => h(DevicePage, { deviceId: ID }) },
      global: { plugins: [i18n, router, [VueQueryPlugin, { queryClient }]] },
    })
    await flushPromises()
    return wrapper
  }

  async function press(page: Awaited<ReturnType<typeof shown>>, source: string): Promise<void> {
    await page.get(`[data-testid="reset-alarm-${source}"]`).trigger('click')
    await flushPromises()
  }

  it('are named and reset by source, and are gone when the page has looked again', async () => {
    const page = await shown([CAMERA, INPUT])
    expect(page.get(ALERT).text()).toContain(en.device['silent-alarms'])

    sources = [CAMERA]
    await press(page, INPUT)
    expect(asked).toEqual([`${DEVICE}/channels/${INPUT}/control/reset-alarm`])
    expect(page.findAll(`${ALERT} .mono`).map((each) => each.text())).toEqual([CAMERA])

    sources = []
    await press(page, ID)
    expect(asked[1]).toBe(`${DEVICE}/control/reset-alarm`)
    expect(page.find(ALERT).exists()).toBe(false)
  })

  it('are no matter where there are none', async () => {
    const page = await shown([])

    expect(page.text()).toContain('North gate')
    expect(page.find(ALERT).exists()).toBe(false)
  })

  it('have one button where the device itself is the source', async () => {
    const page = await shown([ID])

    expect(page.findAll(`${ALERT} button`)).toHaveLength(1)
    await press(page, ID)
    expect(asked).toEqual([`${DEVICE}/control/reset-alarm`])
  })

  it('say why a reset was refused', async () => {
    const problem = { code: 'not_found', status: 404, title: '', detail: 'no such channel', errors: [], facts: {} }
    answers.push(Response.json(problem, { status: 404 }))
    const page = await shown([INPUT])
    await press(page, INPUT)

    expect(document.body.textContent).toContain(en.problem.not_found)
    expect(page.get(`[data-testid="reset-alarm-${INPUT}"]`).attributes('disabled')).toBeUndefined()
  })

  it('are only counted beyond the first eight', async () => {
    const page = await shown(Array.from({ length: 11 }, (_, n) => `${INPUT.slice(0, 18)}${10 + n}`))

    expect(page.findAll(`${ALERT} .mono`)).toHaveLength(8)
    expect(page.text()).toContain('and 3 more')
  })

  it('can be seen but not reset by whoever may not control, in Chinese too', async () => {
    const page = await shown([CAMERA], ['read'], 'zh-CN')

    expect(page.get(ALERT).text()).toContain(zh.device['silent-alarms'])
    expect(page.find(`${ALERT} button`).exists()).toBe(false)
  })
})
