import { VueQueryPlugin } from '@tanstack/vue-query'
import { enableAutoUnmount, flushPromises, mount, type DOMWrapper } from '@vue/test-utils'
import { NMessageProvider } from 'naive-ui'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { h, type Component } from 'vue'
import { createI18n } from 'vue-i18n'
import BanList from '@/device/BanList.vue'
import ConfigPanel from '@/device/ConfigPanel.vue'
import SdCardPanel from '@/device/SdCardPanel.vue'
import UpgradePanel from '@/device/UpgradePanel.vue'
import en from '@/i18n/en.json'
import { useAccount } from '@/stores/account'

const ID = '34020000001320000001'
const API = '/api/v1'
const DEVICE = `${API}/devices/${ID}`
const OWN = `${DEVICE}/channels/${ID}`

type Asked = [call: string, body: unknown]

describe('the panels of a device', () => {
  let answers: Record<string, unknown>
  let asked: Asked[]

  beforeEach(() => {
    asked = []
    answers = {
      [`GET ${DEVICE}/commands`]: { edition: '2022', items: [], config_types: [] },
      [`GET ${DEVICE}/channels`]: { items: [], next_cursor: null },
    }
    setActivePinia(createPinia())
    vi.stubGlobal('fetch', async (request: Request) => {
      const call = `${request.method} ${decodeURIComponent(new URL(request.url).pathname)}`
      const body: unknown = request.method === 'POST' ? await request.json() : undefined
      if (body !== undefined || request.method === 'DELETE') asked.push([call, body])
      const answer = answers[call]
      if (answer === undefined) return new Response(null, { status: 204 })
      return Response.json(Array.isArray(answer) ? answer.shift() : answer)
    })
  })
  enableAutoUnmount(afterEach)
  afterEach(() => {
    document.body.innerHTML = ''
    vi.unstubAllGlobals()
  })

  async function shown(panel: Component, actions = ['read', 'control', 'configure']) {
    useAccount().$patch({ me: { actions } as never })
    const i18n = createI18n({ legacy: false, locale: 'en', messages: { en } })
    const wrapper = mount(NMessageProvider, {
      attachTo: document.body,
      slots: { default: () => h(panel, { deviceId: ID }) },
      global: { plugins: [i18n, [VueQueryPlugin, {}]] },
    })
    await flushPromises()
    return wrapper
  }

  const named = (name: string): string => `[data-testid="${name}"]`

  async function click(button: Pick<DOMWrapper<Element>, 'trigger'>): Promise<void> {
    await button.trigger('click')
    await flushPromises()
  }

  /** The yes of the question that pops up. */
  async function confirm(): Promise<void> {
    const yes = document.querySelector<HTMLButtonElement>('.n-popconfirm__action .n-button--primary-type')
    yes?.click()
    await flushPromises()
  }

  it('reads a configuration, writes what was changed and says what reading back showed', async () => {
    const block = { name: 'Gate', expiration_s: 3600, heartbeat_interval_s: 60, heartbeat_count: 3 }
    const read = { config_type: 'BasicParam', block, sentence: '' }
    answers[`POST ${OWN}/query/config`] = [read, { ...read, block: { ...block, name: 'Yard' } }]
    answers[`POST ${OWN}/control/config`] = {
      ...{ is_accepted: true, confirmed: ['BasicParam.name'], differing: [], sentence: '' },
    }
    const panel = await shown(ConfigPanel)
    await click(panel.get(named('config-read')))
    expect(panel.get(named('config-write')).attributes('disabled')).toBeDefined()

    await panel.get(named('config-name')).setValue('Yard')
    await panel.get(named('config-form')).trigger('submit')
    await flushPromises()

    expect(asked[1]).toEqual([
      `POST ${OWN}/control/config`,
      { blocks: [{ config_type: 'BasicParam', name: 'Yard' }], force: false },
    ])
    expect(panel.get(named('config-written')).text()).toContain('BasicParam.name')
    expect(panel.get<HTMLInputElement>(named('config-name')).element.value).toBe('Yard')
    expect(panel.get(named('config-write')).attributes('disabled')).toBeDefined()
  })

  it('shows a configuration to whoever may not write it', async () => {
    answers[`POST ${OWN}/query/config`] = {
      ...{ config_type: 'BasicParam', block: { name: 'Gate' }, sentence: '' },
    }
    const panel = await shown(ConfigPanel, ['read', 'control'])
    await click(panel.get(named('config-read')))

    expect(panel.get(named('config-facts')).text()).toContain('Gate')
    expect(panel.find(named('config-form')).exists()).toBe(false)
  })

  it('formats a memory card after a second word only', async () => {
    const card = { card_id: 1, name: 'SD', status: 'ok', format_progress: null, capacity_mb: 65_536, free_mb: 512 }
    answers[`POST ${OWN}/query/sd-cards`] = [
      { items: [card], next_cursor: null },
      { items: [{ ...card, status: 'formatting', format_progress: 40 }], next_cursor: null },
    ]
    answers[`POST ${OWN}/control/format-sd`] = { is_confirmed: true, sentence: 'OK' }
    const panel = await shown(SdCardPanel)
    await click(panel.get(named('cards-ask')))
    expect(panel.get(named('card-1')).text()).toContain('0.5 GB of 64.0 GB free')

    await click(panel.get(named('format-1')))
    expect(asked).toHaveLength(1)
    await confirm()

    expect(asked[1]).toEqual([`POST ${OWN}/control/format-sd`, { card: 1, force: false }])
    expect(panel.get(named('card-1')).text()).toContain('Is being formatted 40 %')
  })

  it('orders an upgrade with an address that a device can fetch from', async () => {
    const job = {
      ...{ job_id: 'j', device_id: ID, firmware: 'V2', state: 'failed', is_accepted: true, running: 'V1' },
      ...{ started_at: '2026-03-01T00:00:00Z', finished_at: '2026-03-01T00:05:00Z', sentence: 'broken' },
    }
    answers[`POST ${DEVICE}/control/upgrade`] = job
    const panel = await shown(UpgradePanel)
    await panel.get(named('upgrade-firmware')).setValue('V2')
    await panel.get(named('upgrade-url')).setValue('file:///etc/passwd')
    expect(panel.get(named('upgrade-start')).attributes('disabled')).toBeDefined()

    await panel.get(named('upgrade-url')).setValue('http://192.0.2.10/v2.bin')
    await click(panel.get(named('upgrade-start')))
    await confirm()

    expect(asked).toEqual([
      [
        `POST ${DEVICE}/control/upgrade`,
        { firmware: 'V2', file_url: 'http://192.0.2.10/v2.bin', manufacturer: '', force: false },
      ],
    ])
    expect(panel.get(named('upgrade-job')).text()).toContain('Not installed')
    expect(panel.get(named('upgrade-job')).text()).toContain('The device runs V1.')
  })

  it('lists banned sources and reads one again', async () => {
    const ban = {
      ...{ host: '192.0.2.0/24', since: '2026-03-01T00:00:00Z', until: '2026-03-01T00:05:00Z' },
      ...{ why: 'wrong_password', dropped: 7 },
    }
    answers[`GET ${API}/bans`] = [{ items: [ban] }, { items: [] }]
    const panel = await shown(BanList)
    expect(panel.text()).toContain('Wrong password')

    await click(panel.get(named('lift-192.0.2.0/24')))

    expect(asked).toEqual([[`DELETE ${API}/bans/192.0.2.0/24`, undefined]])
    expect(panel.text()).toContain('Nobody is banned.')
  })
})
