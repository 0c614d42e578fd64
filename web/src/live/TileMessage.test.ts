import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import en from '@/i18n/en.json'
import TileMessage from '@/live/TileMessage.vue'
import type { Failure } from '@/player/failure'

const i18n = createI18n({ legacy: false, locale: 'en', messages: { en } })
const BUSY: Failure = { cause: 'rejected_busy', detail: 'refused: 486', sipStatus: 486, traceId: '' }

function shown(props: InstanceType<typeof TileMessage>['$props']) {
  return mount(TileMessage, { props, global: { plugins: [i18n] } })
}

describe('TileMessage', () => {
  it('tells how far the play has come', () => {
    const wrapper = shown({ state: 'connecting', stage: 'acknowledged', failure: null, retryInS: 0 })

    expect(wrapper.get('[data-testid="stage"]').text()).toBe('Waiting for the first packet')
    expect(wrapper.findAll('i.done')).toHaveLength(4)
  })

  it('tells the cause, what to do, and when it tries again', async () => {
    const wrapper = shown({ state: 'waiting', stage: 'trying', failure: BUSY, retryInS: 8 })

    expect(wrapper.get('[role="alert"]').text()).toContain('The device is busy (SIP 486).')
    expect(wrapper.text()).toContain('Close some, or raise its limit.')
    expect(wrapper.text()).toContain('again in 8 s')
    await wrapper.get('[data-testid="retry"]').trigger('click')
    expect(wrapper.emitted('retry')).toHaveLength(1)
  })

  it('keeps the last cause in sight while it tries again', () => {
    const wrapper = shown({ state: 'connecting', stage: 'asking', failure: BUSY, retryInS: 0 })

    expect(wrapper.find('[data-testid="failure"]').exists()).toBe(true)
    expect(wrapper.find('[data-testid="retry"]').exists()).toBe(false)
  })
})
