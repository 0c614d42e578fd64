import { VueQueryPlugin } from '@tanstack/vue-query'
import { flushPromises, mount } from '@vue/test-utils'
import { NMessageProvider } from 'naive-ui'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { h } from 'vue'
import { createI18n } from 'vue-i18n'
import DuplicateList from '@/device/DuplicateList.vue'
import en from '@/i18n/en.json'
import { useAccount } from '@/stores/account'

const ID = '34020000001320000001'
const TWO = {
  device_id: ID,
  name: 'Gate',
  bound_address: '192.0.2.7:5060',
  user_agent: 'one',
  registered_at: '2026-03-01T00:00:00Z',
  refused: [
    {
      address: '192.0.2.8:5060',
      transport: 'UDP',
      user_agent: 'other',
      verdict: 'right',
      first_seen_at: '2026-03-01T00:01:00Z',
      last_seen_at: '2026-03-01T00:05:00Z',
      attempts: 4,
    },
  ],
}

describe('DuplicateList', () => {
  let items: (typeof TWO)[]
  let asked: string[]

  beforeEach(() => {
    items = [TWO]
    asked = []
    setActivePinia(createPinia())
    vi.stubGlobal('fetch', (request: Request) => {
      asked.push(`${request.method} ${new URL(request.url).pathname}`)
      if (request.method === 'DELETE') {
        items = []
        return Promise.resolve(new Response(null, { status: 204 }))
      }
      return Promise.resolve(Response.json({ items, next_cursor: null }))
    })
  })
  afterEach(() => vi.unstubAllGlobals())

  async function shown(actions: string[]) {
    useAccount().$patch({ me: { actions } as never })
    const i18n = createI18n({ legacy: false, locale: 'en', messages: { en } })
    const wrapper = mount(NMessageProvider, {
      slots: { default: () => h(DuplicateList) },
      global: { plugins: [i18n, [VueQueryPlugin, {}]] },
    })
    await flushPromises()
    return wrapper
  }

  it('shows both addresses: who holds the ID and who was refused', async () => {
    const list = await shown(['read'])

    expect(list.text()).toContain('192.0.2.7:5060')
    expect(list.text()).toContain('192.0.2.8:5060')
    expect(list.text()).toContain('Refused 4 times')
    expect(list.find('button').exists()).toBe(false)
  })

  it('forgets the refused ones for whoever may configure', async () => {
    const list = await shown(['read', 'configure'])
    await list.get(`[data-testid="clear-${ID}"]`).trigger('click')
    await flushPromises()

    expect(asked).toContain(`DELETE /api/v1/devices/duplicates/${ID}`)
    expect(list.find('[data-testid="duplicates"]').exists()).toBe(false)
  })
})
